"""The dataset card of a release: what a reader has to know before training on it."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from persona_assets.sft.mixes import Mix
from persona_assets.sft.shards import ShardChoice

_HEAD = """\
---
pretty_name: {name}
language: [en]
task_categories: [text-generation]
tags: [synthetic, personas]
configs:
- config_name: default
  data_files:
  - {{split: train, path: train.parquet}}
{validation}---

# {name}

{description}

Every row is synthetic: a language model wrote the assistant's turns (and, for recipes, the question) for a persona
that another call read off a text. Made by persona_assets: web text, personas, relationship expansion,
deduplication, character profiles, dialogues and recipes.

| | train | validation |
|---|---|---|
| rows | {train_rows} | {validation_rows} |
| families | {train_families} | {validation_families} |

{shards}

A family is everything connected by parent and duplicate links between personas; none is on both sides.

## Tasks

| task | train | validation | left out |
|---|---|---|---|
{tasks}

## Models, prompts and licences

{provenance}

## Known risks

- Facts in the answers are a model's and were not checked, except where a recipe's checks say so.
- Personas inherit the biases of the web text and of the model.
- A licence above that forbids commercial use or derivatives binds the rows made from that text.

## Columns

`messages` (role and content), `task`, `family_id`, `source_row_id`, `persona_id`, `doc_id`, `license`, `model`,
`prompt_hash`, `response_keys`, `synthetic`. `persona-assets trace EXAMPLE_ID` follows a row to its document.
"""


def write_card(
    path: Path,
    name: str,
    mix: Mix,
    counts: Mapping[str, Mapping[str, int]],
    families: Mapping[str, int],
    shards: ShardChoice,
    rows: pl.LazyFrame,
) -> None:
    """Write the card.

    Args:
        path: the README.md.
        name: of the mix.
        mix: its content.
        counts: rows by task and fate.
        families: families by split.
        shards: those that the rows are of, and those left out.
        rows: the rows taken, for models, prompts and licences.
    """
    totals = {split: sum(count.get(split, 0) for count in counts.values()) for split in ("train", "validation")}
    tasks = [
        f"| {task} | {count.get('train', 0)} | {count.get('validation', 0)} | {_describe_left_out(count)} |"
        for task, count in sorted(counts.items())
    ]
    validation = "  - {split: validation, path: validation.parquet}\n" if totals["validation"] else ""
    text = _HEAD.format(
        name=f"persona_assets {name}",
        description=mix.description,
        validation=validation,
        train_rows=totals["train"],
        validation_rows=totals["validation"],
        train_families=families["train"],
        validation_families=families["validation"],
        shards=_describe_shards(shards),
        tasks="\n".join(tasks),
        provenance=_tabulate(rows),
    )
    path.write_text(text, encoding="utf-8")


def _describe_shards(shards: ShardChoice) -> str:
    left_out = shards.describe_left_out()
    return f"Shards of the corpus: {len(shards.taken)}. Left out: {left_out or 'none'}."


def _describe_left_out(count: Mapping[str, int]) -> str:
    reasons = {fate: number for fate, number in count.items() if fate not in {"train", "validation"}}
    return ", ".join(f"{number} by {fate}" for fate, number in sorted(reasons.items())) or "0"


def _tabulate(rows: pl.LazyFrame) -> str:
    counted = rows.group_by("task", "model", "prompt_hash", "license").len().sort("task", "model", "license").collect()
    lines = ["| task | model | prompt | licence of the sources | rows |", "|---|---|---|---|---|"]
    lines += ["| " + " | ".join(str(value).replace("|", "\\|") for value in row) + " |" for row in counted.iter_rows()]
    return "\n".join(lines)
