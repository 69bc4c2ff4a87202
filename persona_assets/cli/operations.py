"""What runs, and whether it is right: backfills, checks, comparisons, reports."""

from pathlib import Path
from typing import Annotated

import typer

from persona_assets.cli.shared import Shards, load_settings, make_console

operations_app = typer.Typer()


@operations_app.command()
def backfill(
    shard: Shards = None,
    jobs: Annotated[int, typer.Option(min=1, help="Shards run at once, each in a process of its own.")] = 2,
    limit: Annotated[int | None, typer.Option(min=1, help="Shards at most, the oldest first.")] = None,
    queue: Annotated[
        bool, typer.Option("--queue", help="Hand them to Dagster's daemon as a backfill, and do not wait.")
    ] = False,
) -> None:
    """Run the shards that are new or out of date, the oldest first; a failed one is tried again, then reported.

    Example: `persona-assets backfill --jobs 4 --limit 100`
    """
    from persona_assets.commands.backfill import run_backfill

    run_backfill(load_settings(), make_console(), shard or [], jobs, limit, queue)


@operations_app.command()
def check(shard: Shards = None) -> None:
    """Run every check of some shards' tables, as they are; exit code 1 if one that must hold fails.

    Example: `persona-assets check --shard news-2019`
    """
    from persona_assets.commands.check import run_checks

    run_checks(load_settings(), make_console(), shard or [])


@operations_app.command()
def compare(
    before: Annotated[Path, typer.Argument(metavar="DATA", help="A data folder that was made before the change.")],
    rows: Annotated[int, typer.Option(min=1, help="Shown of each table that changed, before and after.")] = 10,
) -> None:
    """Say what a change of prompts or settings did to the tables, with rows before and after, as Markdown.

    Example: `persona-assets compare data-main --rows 10 >> $GITHUB_STEP_SUMMARY`
    """
    from persona_assets.commands.compare import print_comparison

    print_comparison(load_settings(), make_console(), before, rows)


@operations_app.command()
def report(shard: Shards = None) -> None:
    """Write one HTML file on shards: counts, samples, pictures, duplicates, quarantine, spend. Without --shard: on all.

    Example: `persona-assets report --shard news-2019`
    """
    from persona_assets.commands.report import run_report

    run_report(load_settings(), make_console(), shard or [])
