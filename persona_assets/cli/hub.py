"""`persona-assets hub`: explain, search, count, rebuild its index."""

from typing import Annotated

import typer

from persona_assets.cli.shared import load_settings, make_console

hub_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown", help="The hub: explain, search, count, rebuild its index."
)


@hub_app.command("rebuild")
def rebuild_hub() -> None:
    """Build the vector index anew from the lake: after a loss, or for another embedding model. No verdict changes.

    Example: `persona-assets hub rebuild`
    """
    from persona_assets.commands.hub import run_rebuild

    run_rebuild(load_settings(), make_console())


@hub_app.command("explain")
def explain_in_hub(
    persona_id: Annotated[str, typer.Argument(metavar="ID", help="A persona_id, from any table.")],
    neighbours: Annotated[int, typer.Option(min=1, help="How many of the nearest are shown.")] = 5,
) -> None:
    """Say why a persona was kept or dropped, for whose sake, what it absorbed, and who is nearest to it.

    Example: `persona-assets hub explain per_0a1b2c3d4e5f60718293`
    """
    from persona_assets.commands.hub import run_explain

    run_explain(load_settings(), make_console(), persona_id, neighbours)


@hub_app.command("search")
def search_hub(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Any text.")],
    limit: Annotated[int, typer.Option(min=1, help="How many personas are shown.")] = 10,
    shard: Annotated[str | None, typer.Option(metavar="KEY", help="Only of this shard.")] = None,
    language: Annotated[str | None, typer.Option(metavar="CODE", help="Only in this language: en, zh, ...")] = None,
    number: Annotated[int | None, typer.Option("--round", metavar="N", help="Only of this round; 0: seeds.")] = None,
) -> None:
    """Find the personas that are nearest to a text.

    Example: `persona-assets hub search "a nurse who plays chess" --round 0`
    """
    from persona_assets.commands.hub import run_search

    run_search(load_settings(), make_console(), text, limit, {"shard": shard, "language": language, "round": number})


@hub_app.command("stats")
def show_hub_stats() -> None:
    """Show what the hub holds and what was dropped, by shard, round and language.

    Example: `persona-assets hub stats`
    """
    from persona_assets.commands.hub import run_stats

    run_stats(load_settings(), make_console())
