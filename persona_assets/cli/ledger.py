"""`persona-assets ledger`: what it holds, and how it gets out or smaller."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from persona_assets.cli.shared import load_settings, make_console

OfModel = Annotated[str | None, typer.Option("--model", metavar="NAME", help="Only responses of this model.")]
OfAsset = Annotated[str | None, typer.Option("--asset", metavar="NAME", help="Only what this asset asked first.")]
Before = Annotated[
    datetime | None,
    typer.Option("--before", metavar="DATE", formats=["%Y-%m-%d"], help="Only what was stored before this day, UTC."),
]

ledger_app = typer.Typer(invoke_without_command=True, rich_markup_mode="markdown")


@ledger_app.callback()
def ledger(context: typer.Context) -> None:
    """Show what the ledger of responses holds: its size, hits, tokens and spend, by model and by asset.

    Example: `persona-assets ledger`
    """
    if context.invoked_subcommand is None:
        from persona_assets.commands.ledger import print_ledger

        print_ledger(load_settings(), make_console())


@ledger_app.command("export")
def export_ledger(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Ending in .jsonl, .jsonl.gz or .parquet.")],
    model: OfModel = None,
    asset: OfAsset = None,
    before: Before = None,
) -> None:
    """Write stored responses to a file, whole, with what was asked of which model and what it cost.

    Example: `persona-assets ledger export responses.jsonl.gz --asset math_problems`
    """
    from persona_assets.commands.ledger import run_export

    run_export(load_settings(), make_console(), out, model, asset, before)


@ledger_app.command("import")
def import_ledger(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .jsonl or .jsonl.gz that `ledger export` wrote.")],
) -> None:
    """Put exported responses into this ledger, so that their requests are not sent again.

    Example: `persona-assets ledger import responses.jsonl.gz`
    """
    from persona_assets.commands.ledger import run_import

    run_import(load_settings(), make_console(), file)


@ledger_app.command("prune")
def prune_ledger(
    model: OfModel = None,
    asset: OfAsset = None,
    before: Before = None,
    unreferenced: Annotated[
        bool, typer.Option("--unreferenced", help="Only responses that no row of the lake names any more.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them, and not only say what would be removed.")] = False,
) -> None:
    """Remove responses that all the given filters match; without --yes, only say which and what they cost.

    Whatever asks for them again pays for them again. The account of spending stays.

    Example: `persona-assets ledger prune --model openai/gpt-4o --before 2026-01-31 --yes`
    """
    from persona_assets.commands.ledger import run_prune

    run_prune(load_settings(), make_console(), model, asset, before, unreferenced, yes)
