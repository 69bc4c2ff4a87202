"""The command line: `persona-assets COMMAND`. Each command reads the settings and calls its module."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from persona_assets.cli.hub import hub_app
from persona_assets.cli.ledger import ledger_app
from persona_assets.cli.recipe import recipe_app
from persona_assets.cli.shared import load_settings, make_console
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

Shards = Annotated[list[str] | None, typer.Option("--shard", metavar="KEY", help="A shard; repeat for more.")]
Assets = Annotated[list[str] | None, typer.Option("--asset", metavar="NAME", help="An asset; repeat for more.")]

app.add_typer(ledger_app, name="ledger")
app.add_typer(hub_app, name="hub")
app.add_typer(recipe_app, name="recipe")


@app.command()
def demo() -> None:
    """Run the bundled sample, end to end, and show what came of it.

    Example: `persona-assets demo`
    """
    from persona_assets.commands.demo import PROFILE, run_demo

    run_demo(load_settings(**PROFILE), make_console())


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
def report(shard: Shards = None) -> None:
    """Write one HTML file on shards: counts, samples, pictures, duplicates, quarantine, spend. Without --shard: on all.

    Example: `persona-assets report --shard news-2019`
    """
    from persona_assets.commands.report import run_report

    run_report(load_settings(), make_console(), shard or [])


@app.command()
def check(shard: Shards = None) -> None:
    """Run every check of some shards' tables, as they are; exit code 1 if one that must hold fails.

    Example: `persona-assets check --shard news-2019`
    """
    from persona_assets.commands.check import run_checks

    run_checks(load_settings(), make_console(), shard or [])


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(metavar="DATA", help="A data folder that was made before the change.")],
    rows: Annotated[int, typer.Option(min=1, help="Shown of each table that changed, before and after.")] = 10,
) -> None:
    """Say what a change of prompts or settings did to the tables, with rows before and after, as Markdown.

    Example: `persona-assets compare data-main --rows 10 >> $GITHUB_STEP_SUMMARY`
    """
    from persona_assets.commands.compare import print_comparison

    print_comparison(load_settings(), make_console(), before, rows)


@app.command()
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


@app.command()
def trace(
    row_id: Annotated[str, typer.Argument(metavar="ID", help="Of any row: sft_..., per_..., doc_...")],
    down: Annotated[bool, typer.Option("--down", help="Show what was made of it, instead of what it was made of.")] = (
        False
    ),
) -> None:
    """Follow a row home: from an SFT example over character and personas to the document. --down: the other way.

    Example: `persona-assets trace sft_0123456789abcdef0123`
    """
    from persona_assets.commands.trace import print_descendants, print_trace

    (print_descendants if down else print_trace)(load_settings(), make_console(), row_id)


@app.command()
def forget(
    doc: Annotated[
        str | None, typer.Option(metavar="ID", help="A document: its doc_id, the corpus' own id, or its address.")
    ] = None,
    persona: Annotated[str | None, typer.Option(metavar="ID", help="A persona: its persona_id.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take it out; without it, only what would go is shown.")] = False,
) -> None:
    """Take a document or persona out for good, with all that was made of it, and keep it from coming in again.

    Example: `persona-assets forget --doc https://example.com/page`
    """
    from persona_assets.commands.forget import run_forget

    run_forget(load_settings(), make_console(), doc, persona, yes)


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
def judge(
    asset: Annotated[str, typer.Argument(metavar="ASSET", help="Whose rows are rated.")],
    shard: Shards = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="NAME", help="A judge; repeat for a second one.")
    ] = None,
    rubric: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of a file in prompts/rubrics. Default: the asset's, or its kind's."),
    ] = None,
    sample: Annotated[int, typer.Option(min=1, help="Rows of each shard.")] = 20,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
) -> None:
    """Let models rate a sample of an artifact's rows from 1 to 5 by a rubric, and say how far they agree.

    Example: `persona-assets judge math_problems --model openai/gpt-4o --model anthropic/claude-sonnet-5`
    """
    from persona_assets.commands.judge import run_judge

    run_judge(load_settings(), make_console(), asset, shard or [], model or [], rubric, sample, seed)


@app.command()
def publish(
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="hf://datasets/OWNER/NAME, s3://BUCKET/PATH, ...")],
    mix: Annotated[str, typer.Option(metavar="NAME", help="The release.")] = "default",
    public: Annotated[bool, typer.Option("--public", help="A new repository is for everybody.")] = False,
) -> None:
    """Push a release to Hugging Face or object storage, unless a licence of its sources forbids it.

    Example: `persona-assets publish --mix default --to hf://datasets/me/characters`
    """
    from persona_assets.commands.publish import run_publish

    run_publish(load_settings(), make_console(), mix, to, public)


@app.command()
def train(mix: Annotated[str, typer.Option(metavar="NAME", help="The release to train on.")] = "default") -> None:
    """Fine-tune a model on a release and evaluate it before and after. Settings: [training] and [evaluation].

    Example: `persona-assets train --mix role_play`
    """
    from persona_assets.commands.train import run_training

    run_training(load_settings(), make_console(), mix)


@app.command()
def curve(
    mix: Annotated[str, typer.Option(metavar="NAME", help="The release to train on.")] = "default",
    share: Annotated[
        list[float] | None, typer.Option(metavar="X", help="Of the rows; repeat. Default: a quarter, a half and all.")
    ] = None,
) -> None:
    """Train on shares of a release, evaluate each, and plot accuracy and ratings against the number of rows.

    Example: `persona-assets curve --mix default --share 0.1 --share 1`
    """
    from persona_assets.commands.train import run_curve

    run_curve(load_settings(), make_console(), mix, share or [0.25, 0.5, 1.0])


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
