"""The same job by other tools, each in its documented way and in an environment of its own."""
