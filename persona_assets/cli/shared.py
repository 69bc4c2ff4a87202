"""What every command begins with: the settings and a console, loaded when a command needs them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from persona_assets.settings import Settings


Shards = Annotated[list[str] | None, typer.Option("--shard", metavar="KEY", help="A shard; repeat for more.")]


def load_settings(**overrides: Any) -> "Settings":
    """Read the settings, without loading their library before a command needs it."""
    from persona_assets.settings import load_settings as load

    return load(**overrides)


def make_console() -> "Console":
    """Make the console that a command prints to."""
    from persona_assets.commands.progress_bar import make_console as make

    return make()
