"""What the command line does, one module a command: logic that returns values, then the printing of them."""

from rich.console import Console
from rich.table import Table


def say(console: Console, text: str) -> None:
    """Print a text as it is: what looks like markup is none, and only the terminal breaks its lines."""
    console.print(text, markup=False, soft_wrap=True)


def make_table(*columns: str, names: int = 1) -> Table:
    """Begin a table without lines: the first columns hold names, which are never cut, and the others numbers."""
    table = Table(box=None, pad_edge=False)
    for place, column in enumerate(columns):
        is_name = place < names
        table.add_column(column, justify="left" if is_name else "right", overflow="fold" if is_name else "ellipsis")
    return table


def shorten(text: str, limit: int) -> str:
    """Put a text on one line of so many characters at most."""
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
