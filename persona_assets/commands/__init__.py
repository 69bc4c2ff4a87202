"""What the command line does, one module a command: logic that returns values, then the printing of them."""
