"""`persona-assets demo`: the bundled sample, end to end, and what to make of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from persona_assets.commands.run import RunFailedError, run_pipeline
from persona_assets.lake import Lake
from persona_assets.recipes.load import load_recipes
from persona_assets.settings import PACKAGE, Settings
from persona_assets.sft.release import scan_split
from persona_assets.tables import WHOLE

SHARD = "sample"
MIX = "default"

PROFILE: Mapping[str, Any] = {
    "corpus": {"path": str(PACKAGE / "sample" / "documents")},
    "instructions": {"path": str(PACKAGE / "sample" / "instructions")},
    "seed_personas": {"max_words": 40},
    "expansion": {"rounds": 6, "children": 2, "max_frontier": 3},
    "characters": {"limit": 12},
    "dialogues": {"per_character": 2.5, "characters_per_session": 1, "own_instructions": 0.25},
    "tasks": {
        "seed_personas": {"candidates": 6},
        "expanded_personas": {"candidates": 2},
        "character_profiles": {"candidates": 6, "temperature": 0.4},
        "dialogues_r": {"limit": 15, "candidates": 8, "temperature": 0.4, "max_tokens": 150},
        "dialogues_g": {
            "limit": 9,
            "candidates": 4,
            "temperature": 0.3,
            "max_tokens": 100,
            "repetition_penalty": 1.1,
        },
        "math_problems": {
            "limit": 6,
            "candidates": 3,
            "draws": {"focus": "arithmetic", "difficulty": {"primary": 1, "secondary": 1}},
        },
        "math_solutions": {"candidates": 1, "temperature": 0.3, "max_tokens": 140, "repetition_penalty": 1.05},
        "logic_problems": {"limit": 3, "candidates": 3, "repetition_penalty": 1.05},
        "logic_solutions": {"candidates": 1, "temperature": 0.3, "max_tokens": 100, "repetition_penalty": 1.1},
        "ruozhiba_questions": {"limit": 1, "candidates": 3, "draws": {"language": "en"}, "max_tokens": 80},
        "instructions": {"limit": 6},
        "conversations": {"limit": 1, "candidates": 2, "max_tokens": 70, "repetition_penalty": 1.1},
        "persona_talks": {"limit": 1, "candidates": 1, "max_tokens": 60, "repetition_penalty": 1.1},
        "knowledge_texts": {"limit": 1, "candidates": 1, "max_tokens": 240, "repetition_penalty": 1.05},
        "game_npcs": {"limit": 1, "candidates": 3, "max_tokens": 160, "repetition_penalty": 1.05},
        "tools": {"limit": 1, "candidates": 2, "max_tokens": 240},
        "tool_code": {"candidates": 1, "temperature": 0.3, "max_tokens": 160},
    },
}
"""What the demo sets, so that it ends in minutes without a GPU."""

_ASSETS = (
    "web_text",
    "source_instructions",
    "seed_personas",
    "expanded_personas",
    "persona_hub",
    "hub_duplicates",
    "character_profiles",
    "dialogues_r",
    "dialogues_g",
)
_SHOWN = 3
_CELL = 260

_SMALL_MODEL = """\
What a model of 135 million parameters can do: name what a clean English text is about and who has to do with it, end
a sentence that is begun for it, fill in a short profile and say a short answer again. What it cannot do: answer by
itself and make sense, mathematics (do not trust the solutions), messy web text, languages other than English. Most of
what it wrote was refused, and lies in quarantine with the reason. The demo shows the machinery, not data to train on.
One line switches to a real model:

  PERSONA_ASSETS__MODEL__NAME=openai/gpt-4o-mini PERSONA_ASSETS__MODEL__API_KEY=... persona-assets demo
  (or ollama_chat/qwen2.5:7b, hosted_vllm/... with PERSONA_ASSETS__MODEL__API_BASE, any model of litellm)
"""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo made.

    Attributes:
        rows: rows of each asset.
        quarantined: rows that were refused, by asset.
        personas: some of the hub, seeds first, then those that were expanded from others.
        examples: a few of the release's training rows.
    """

    rows: Mapping[str, int]
    quarantined: Mapping[str, int]
    personas: Sequence[str]
    examples: list[dict[str, Any]]


def run_demo(settings: Settings, console: Console) -> DemoResult:
    """Run the sample shard and print what came of it.

    Args:
        settings: of the project, with `PROFILE` applied.
        console: where to print.

    Returns:
        What was made.

    Raises:
        RunFailedError: if the chain did not reach its end, or nothing came out there.
    """
    console.print(f"[bold]The sample shard, by {settings.model.name}[/], with these settings of the demo:")
    for line in _list_profile(PROFILE):
        console.print(f"  {line}", markup=False)
    run_pipeline(settings, console, [SHARD], [], [MIX])
    result = gather_result(settings)
    _print_result(settings, console, result)
    if not result.rows["sft_dataset"]:
        raise RunFailedError(
            f"Nothing that {settings.model.name} wrote passed the checks: the dataset is empty. The refused lies in "
            f"{settings.data / 'lake' / 'quarantine'}, with the reasons; a larger model does better."
        )
    return result


def gather_result(settings: Settings) -> DemoResult:
    """Read what the demo left in the lake and the release."""
    lake = Lake(settings.lake)
    recipes = [recipe.content.asset for recipe in load_recipes(settings.prompts / "recipes")]
    assets = (*_ASSETS, *recipes, "sft_mix")
    infos = [lake.info(asset, WHOLE if asset == "source_instructions" else SHARD) for asset in assets]
    train = scan_split(settings.data / "sft_dataset" / MIX, "train")
    rows = {info.asset: info.rows for info in infos} | {"sft_dataset": train.select(pl.len()).collect().item()}
    quarantined = {info.asset: info.accounting.quarantined.total() for info in infos}
    hub = lake.scan("persona_hub", SHARD)
    is_seed = pl.col("round") == 0
    personas = pl.concat([hub.filter(one).head(_SHOWN) for one in (is_seed, ~is_seed)]).select("persona").collect()
    # One row a task, so that the reader sees each kind.
    examples = train.unique("task", keep="first", maintain_order=True).head(_SHOWN).collect().to_dicts()
    return DemoResult(rows, quarantined, personas["persona"].to_list(), examples)


def _list_profile(profile: Mapping[str, Any], path: tuple[str, ...] = ()) -> list[str]:
    lines = []
    for name, value in profile.items():
        if isinstance(value, Mapping):
            lines += _list_profile(value, (*path, name))
        else:
            lines.append(f"{'.'.join((*path, name))} = {value}")
    return lines


def _print_result(settings: Settings, console: Console, result: DemoResult) -> None:
    table = Table("asset", "rows", "quarantined", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for asset, rows in result.rows.items():
        table.add_row(asset, f"{rows:,}", f"{result.quarantined.get(asset, 0) or ''}")
    console.print()
    console.print(table)
    folder = settings.data / "sft_dataset" / MIX
    console.print(f"\nThe hub has {result.rows['persona_hub']} personas, such as:")
    for persona in result.personas:
        console.print(f"  {_shorten(persona)}", markup=False, soft_wrap=True)
    console.print(f"\nRows of the SFT dataset ({folder}):", soft_wrap=True)
    for example in result.examples:
        console.print(f"\n[bold]{example['task']}[/] {example['example_id']}")
        for message in example["messages"]:
            console.print(f"  {message['role']}: {_shorten(message['content'])}", markup=False, soft_wrap=True)
    console.print()
    if settings.model.name.startswith("embedded/smollm2-135m"):
        console.print(_SMALL_MODEL, markup=False, soft_wrap=True)
    example_id = result.examples[0]["example_id"] if result.examples else "ID"
    console.print(f"Where a row came from:  persona-assets trace {example_id}", markup=False)
    console.print("The asset graph, previews and checks:  persona-assets dev   (or: make dev)", markup=False)
    console.print(
        "Your own text:  set corpus.path in pipeline.toml, then persona-assets run. The release takes that corpus "
        "alone; set paths.data to a new folder, too, and the hub does not know the sample's personas either.",
        markup=False,
        soft_wrap=True,
    )


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"
