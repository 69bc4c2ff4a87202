"""What the command line does, one module a command: logic that returns values, then the printing of them."""

from rich.console import Console


def say(console: Console, text: str) -> None:
    """Print a text as it is: what looks like markup is none, and only the terminal breaks its lines."""
    console.print(text, markup=False, soft_wrap=True)
