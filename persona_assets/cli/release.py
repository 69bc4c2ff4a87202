"""What becomes of the rows: traced, judged, forgotten, published, trained on."""

from typing import Annotated

import typer

from persona_assets.cli.shared import Shards, load_settings, make_console

release_app = typer.Typer()


@release_app.command()
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


@release_app.command()
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


@release_app.command()
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


@release_app.command()
def train(mix: Annotated[str, typer.Option(metavar="NAME", help="The release to train on.")] = "default") -> None:
    """Fine-tune a model on a release and evaluate it before and after. Settings: [training] and [evaluation].

    Example: `persona-assets train --mix role_play`
    """
    from persona_assets.commands.train import run_training

    run_training(load_settings(), make_console(), mix)


@release_app.command()
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


@release_app.command()
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
