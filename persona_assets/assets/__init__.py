"""The assets: each reads lazy tables, calls one domain function and hands over what was published."""
