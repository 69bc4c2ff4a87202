"""The dataset card of a release: what a reader has to know before training on it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import yaml

from persona_assets.sft.choice import SPLITS, total_taken
from persona_assets.sft.mixes import Mix
from persona_assets.sft.shards import ShardChoice

if TYPE_CHECKING:
    from persona_assets.sft.release import Release

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_BODY = """\
# {name}

{description}

Every row is synthetic: a language model wrote the assistant's turns (and, for recipes, the question) for a persona
that another call read off a text. The column `synthetic` says so in every row and every format.

| | train | validation |
|---|---|---|
{sizes}

{shards}

A family is everything connected by parent and duplicate links between personas; none is on both sides.

## Tasks

| task | train | validation | left out |
|---|---|---|---|
{tasks}

## Flags

{flags}

## Languages

{languages}

## How it was made

Web text, seed personas read off it (Text-to-Persona), related personas in up to six rounds (Persona-to-Persona),
deduplication by MinHash and embeddings, character profiles, role-play dialogues (an instruction set's answers
rewritten in character, or answered anew) and recipes; then this mix, file version `{version}`:

```yaml
{mix}
```

## Models, prompts and licences

{provenance}

## Formats

{formats}

## Known risks

- Facts in the answers are a model's and were not checked, except where a recipe's checks say so.
- Personas inherit the biases of the web text and of the model, and may resemble real people by chance.
- A licence above that forbids commercial use or derivatives binds the rows made from that text.
- A model's terms may restrict what is trained on its answers; `unknown` means that nobody stated them.

## Columns

`messages` (role and content), `task`, `family_id`, `source_row_id`, `persona_id`, `partner_id`, `doc_id`, `license`,
`original` (the instruction set's own answer), `language`, `n_turns`, `n_chars`, `compression`, {tokens}`model`,
`model_terms`, `prompt_hash`, `flags`, `response_keys`, `synthetic`. `persona-assets trace EXAMPLE_ID` follows a row to
its document, and `persona-assets trace DOC_ID --down` a document to its rows.
"""
_HOW_TO_LOAD = {
    "messages": "chat messages: `load_dataset(FOLDER)`; TRL as it is; `axolotl-messages.yaml`; `dataset_info.json`"
    " for LLaMA-Factory",
    "sharegpt": "`load_dataset(FOLDER, 'sharegpt')`; `axolotl-sharegpt.yaml`; `dataset_info.json`",
    "alpaca": "`load_dataset(FOLDER, 'alpaca')`; `dataset_info.json`",
    "preference": "in-character answer against the original one: `load_dataset(FOLDER, 'preference')` for TRL's"
    " DPOTrainer; `axolotl-preference.yaml`",
    "preference_sharegpt": "the same for LLaMA-Factory: `dataset_info.json`",
    "packed": "token ids of several examples a row, with labels on the assistant's turns: `load_dataset(FOLDER,"
    " 'packed')`",
}


def write_card(path: Path, name: str, mix: Mix, release: "Release", shards: ShardChoice, rows: pl.LazyFrame) -> None:
    """Write the card. `shards`: those that the rows are of, and those left out."""
    totals = total_taken(release.counts)
    facts = rows.select("task", "model", "model_terms", "prompt_hash", "license", "language").collect()
    head = yaml.safe_dump(_describe_head(name, release, totals, facts), sort_keys=False, allow_unicode=True)
    body = _BODY.format(
        name=f"persona_assets {name}",
        description=mix.description,
        sizes="\n".join(_list_sizes(release, totals)),
        shards=_describe_shards(shards),
        tasks="\n".join(
            f"| {task} | {count.get('train', 0)} | {count.get('validation', 0)} | {_describe_left_out(count)} |"
            for task, count in sorted(release.counts.items())
        ),
        flags=_describe_flags(release.flags),
        languages=_tabulate(facts, "language"),
        version=mix.version,
        mix=yaml.safe_dump(mix.model_dump(mode="json", exclude_unset=True), sort_keys=False).strip(),
        provenance=_tabulate(facts, "task", "model", "model_terms", "prompt_hash", "license"),
        formats="\n".join(_list_formats(release)),
        tokens="`n_tokens`, " if release.tokens else "",
    )
    path.write_text(f"---\n{head}---\n\n{body}", encoding="utf-8")


def _describe_head(name: str, release: "Release", totals: Mapping[str, int], facts: pl.DataFrame) -> dict[str, Any]:
    splits = [split for split in SPLITS if totals[split] or split == "train"]
    folders = [*release.formats, *(["packed"] if release.packed else [])]
    places = {"default": "{}*.parquet", **{folder: f"{folder}/{{}}.parquet" for folder in folders}}
    configs = [
        {"config_name": name, "data_files": [{"split": split, "path": place.format(split)} for split in splits]}
        for name, place in places.items()
    ]
    licenses = sorted({part for name in facts["license"].unique() for part in name.split(" AND ")})
    total = sum(totals.values())
    return {
        "pretty_name": f"persona_assets {name}",
        "language": sorted(set(facts["language"]) - {"und"}),
        # The Hub knows licences by short names; several are others, and stand in the table.
        "license": licenses[0].lower() if len(licenses) == 1 and licenses[0] != "unknown" else "other",
        "size_categories": [next((word for bound, word in _SIZES if total < bound), "n>1M")],
        "task_categories": ["text-generation"],
        "tags": ["synthetic", "personas"],
        "configs": configs,
    }


def _list_sizes(release: "Release", totals: Mapping[str, int]) -> Iterable[str]:
    yield f"| rows | {totals['train']} | {totals['validation']} |"
    yield f"| families | {release.families['train']} | {release.families['validation']} |"
    if release.tokens:
        yield f"| tokens | {release.tokens['train']} | {release.tokens['validation']} |"


def _list_formats(release: "Release") -> Iterable[str]:
    yield f"- messages: {_HOW_TO_LOAD['messages']}"
    for folder, rows in release.formats.items():
        yield f"- {folder} ({rows} rows): {_HOW_TO_LOAD[folder]}"
    if release.packed:
        train = release.packed["train"]
        filled = f"{train['filled']:.1%} of the places filled"
        yield f"- packed ({train['rows']:.0f} rows of training, {filled}): {_HOW_TO_LOAD['packed']}"


def _describe_shards(shards: ShardChoice) -> str:
    left_out = shards.describe_left_out()
    return f"Shards of the corpus: {len(shards.taken)}. Left out: {left_out or 'none'}."


def _describe_left_out(count: Mapping[str, int]) -> str:
    reasons = {fate: number for fate, number in count.items() if fate not in SPLITS}
    return ", ".join(f"{number} by {fate}" for fate, number in sorted(reasons.items())) or "0"


def _describe_flags(flags: Mapping[str, Mapping[str, int]]) -> str:
    if not flags:
        return "No check flags any candidate."
    lines = [f"| {check} | {count['left_out']} | {count['taken']} |" for check, count in flags.items()]
    head = "Rows that a check doubts, by check; `exclude_flags` of the mix says which are left out."
    return "\n".join([head, "", "| check | left out | in the release |", "|---|---|---|", *lines])


_TITLES = {"model_terms": "terms of the model", "prompt_hash": "prompt", "license": "licence of the sources"}


def _tabulate(rows: pl.DataFrame, *columns: str) -> str:
    counted = rows.group_by(columns).len().sort(columns)
    titles = [_TITLES.get(name, name) for name in columns]
    lines = [f"| {' | '.join(titles)} | rows |", "|" + "---|" * (len(columns) + 1)]
    lines += ["| " + " | ".join(str(value).replace("|", "\\|") for value in row) + " |" for row in counted.iter_rows()]
    return "\n".join(lines)
