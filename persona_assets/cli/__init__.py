"""The command line: `persona-assets COMMAND`. Each command reads the settings and calls its module."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from persona_assets.cli.hub import hub_app
from persona_assets.cli.ledger import ledger_app
from persona_assets.cli.operations import operations_app
from persona_assets.cli.recipe import recipe_app
from persona_assets.cli.release import release_app
from persona_assets.cli.shared import Shards, load_settings, make_console
from persona_assets.errors import PersonaAssetsError

_STOPPED = 130
"""What a shell says of a program that Ctrl-C ended."""

app = typer.Typer(
    name="persona-assets",
    help="Web text to a hub of personas, and the hub to training data. Settings: pipeline.toml.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

Assets = Annotated[list[str] | None, typer.Option("--asset", metavar="NAME", help="An asset; repeat for more.")]

# Without a name, their commands stand among these.
app.add_typer(operations_app)
app.add_typer(release_app)
app.add_typer(ledger_app, name="ledger")
app.add_typer(hub_app, name="hub")
app.add_typer(recipe_app, name="recipe")


@app.command()
def demo(
    live: Annotated[bool, typer.Option("--live", help="Ask the small model in process, not recorded replies.")] = False,
    record: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Ask an OpenAI-compatible server for replies that are not recorded, and record them."
        ),
    ] = None,
) -> None:
    """Run the bundled sample, end to end, on recorded replies of a strong model, and show what came of it.

    Where `model.name` is set, that model is asked.

    Example: `persona-assets demo`
    """
    from persona_assets.commands.demo import choose_settings, record_replies, run_demo

    settings = choose_settings(load_settings(), live, record)
    run_demo(settings, make_console())
    if record:
        record_replies(settings, make_console())


@app.command()
def run(
    shard: Shards = None,
    asset: Assets = None,
    mix: Annotated[list[str] | None, typer.Option("--mix", metavar="NAME", help="A release; repeat for more.")] = None,
    no_release: Annotated[bool, typer.Option("--no-release", help="Write no release.")] = False,
) -> None:
    """Run shards of the corpus: by default all of them, every asset, and the releases.

    What the ledger holds is not asked again, so the same command resumes whatever stopped it.

    Example: `persona-assets run --shard news-2019 --asset persona_hub`
    """
    from persona_assets.commands.run import run_pipeline

    run_pipeline(load_settings(), make_console(), shard or [], asset or [], None if no_release else mix or [])


@app.command()
def estimate(
    shard: Shards = None,
    sample: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Run N documents of each shard first, and measure.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw of the sample.")] = 0,
    yes: Annotated[bool, typer.Option("--yes", help="Buy the sample without asking.")] = False,
) -> None:
    """Forecast calls, tokens and cost of shards, by asset and in all. Without --sample nothing is bought.

    Example: `persona-assets estimate --shard news-2019 --sample 30`
    """
    from persona_assets.commands.estimate import print_estimate

    print_estimate(load_settings(), make_console(), shard or [], sample, seed, yes)


@app.command()
def shards(
    register: Annotated[bool, typer.Option("--register", help="Register new shards as partitions.")] = False,
) -> None:
    """List the shards of the corpus folder, and how far each is.

    Example: `persona-assets shards --register`
    """
    from persona_assets.commands.shards import print_shards

    print_shards(load_settings(), make_console(), register)


@app.command()
def status(shard: Shards = None) -> None:
    """Show what of the lake is there, what is missing, and what is stale and why.

    Example: `persona-assets status --shard news-2019`
    """
    from persona_assets.commands.status import print_status

    print_status(load_settings(), make_console(), shard or [])


@app.command()
def dedup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines, JSON, Parquet or CSV.")],
    kept: Annotated[Path, typer.Option(metavar="OUT", help="Kept rows: .jsonl, .parquet or .csv.")],
    duplicates: Annotated[Path, typer.Option(metavar="OUT", help="Dropped rows, each with the one it duplicates.")],
    column: Annotated[str, typer.Option(help="The column with the personas.")] = "persona",
    jaccard: Annotated[float | None, typer.Option(help="Threshold of token sets. Default: hub.jaccard.")] = None,
    cosine: Annotated[float | None, typer.Option(help="Threshold of embeddings. Default: hub.cosine.")] = None,
    lexical_only: Annotated[bool, typer.Option("--lexical-only", help="Do without the embedding model.")] = False,
) -> None:
    """Apply the hub's rule of deduplication to one file, alone.

    Example: `persona-assets dedup personas.jsonl --column persona --kept kept.parquet --duplicates duplicates.jsonl`
    """
    from persona_assets.commands.dedup import run_dedup

    hub = {name: value for name, value in {"jaccard": jaccard, "cosine": cosine}.items() if value is not None}
    run_dedup(load_settings(hub=hub), make_console(), file, column, kept, duplicates, lexical_only)


@app.command()
def batches(
    forget: Annotated[
        str | None, typer.Option(metavar="ID", help="Give a batch up: its requests are asked, and paid for, again.")
    ] = None,
) -> None:
    """Show the batches that providers work on (see [batch] in pipeline.toml), and collect those that have ended.

    Example: `persona-assets batches`
    """
    from persona_assets.commands.batches import forget_batch, print_batches

    if forget is None:
        print_batches(load_settings(), make_console())
    else:
        forget_batch(load_settings(), make_console(), forget)


@app.command()
def dev(
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port.")] = 3000,
) -> None:
    """Open the Dagster UI on the data folder.

    Example: `persona-assets dev --port 3001`
    """
    from persona_assets.commands.dev import open_ui

    open_ui(load_settings(), make_console(), host, port)


def main() -> None:
    """Run a command; an error is one paragraph on standard error, and exit code 1."""
    # Set before any library is loaded: none of them asks the network for what is not wanted.
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        app()
    except PersonaAssetsError as error:
        from persona_assets.commands.execution import RunInterruptedError

        is_stop = isinstance(error, RunInterruptedError)
        sys.stderr.write(f"{'' if is_stop else 'Error: '}{error}\n")
        sys.exit(_STOPPED if is_stop else 1)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(_STOPPED)
