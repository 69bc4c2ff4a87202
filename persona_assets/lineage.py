"""Lineage: from any row back to the document, with what each model call on the way was asked and cost.

Every row carries the ids of what it was made from and the ledger keys of the responses it was read from,
so the chain needs nothing but the lake and the ledger.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from persona_assets.errors import LakeError
from persona_assets.lake import SHARD_COLUMN, Lake
from persona_assets.llm.ledger import Entry, Ledger
from persona_assets.records import SCHEMAS
from persona_assets.tables import TableInfo

_ID_COLUMNS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "sft": ("example_id", ("sft_mix",)),
    "dia": ("dialogue_id", ("dialogues_r", "dialogues_g")),
    "chr": ("character_id", ("character_profiles",)),
    "per": ("persona_id", ("seed_personas", "expanded_personas")),
    "ins": ("instruction_id", ("source_instructions",)),
    "doc": ("doc_id", ("web_text",)),
}
_ITEM = "itm"
_DIALOGUES = frozenset({"dialogues_r", "dialogues_g"})
_ORIGINS = ("source_row_id", "character_id", "source_item_id", "parent_id", "persona_id", "doc_id")
"""Columns that name what a row was made from, the nearest first; a row's own id is among them."""

_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Call:
    """One response of a model that a row was read from.

    Attributes:
        model: the model that wrote it; None if the ledger does not have it.
        prompt_hash: version of the prompt file when it was asked.
        cost: US dollars; None when the price is unknown.
    """

    key: str
    model: str | None = None
    prompt_hash: str = ""
    seed: int | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the chain.

    Attributes:
        table: what the table's file says of itself.
        calls: the responses that it was read from.
        note: what else is to be known, for example that the hub dropped it.
    """

    asset: str
    shard: str
    row_id: str
    row: Mapping[str, Any]
    table: TableInfo
    calls: Sequence[Call] = field(default_factory=tuple)
    note: str = ""


def trace_row(lake: Lake, ledger: Ledger, row_id: str) -> list[Step]:
    """Follow a row home.

    Args:
        row_id: an id of any table: sft_, dia_, itm_, chr_, per_, ins_ or doc_.

    Returns:
        The rows from the one that is asked for up to the document, in order.

    Raises:
        LakeError: if no table has the id.
    """
    steps = list(_walk(lake, _require(lake, row_id)))
    keys = {key for step in steps for key in step.row.get("response_keys") or ()}
    entries = ledger.read(sorted(keys)) if keys else {}
    return [_add_calls(step, entries) for step in steps]


def list_named_responses(lake: Lake) -> Iterator[str]:
    """The keys of all responses that a row of the lake or of its quarantine was read from, with repetitions.

    Raises:
        LakeError: if a table cannot be read: what it names is then unknown.
    """
    for path, table in lake.scan_every_file():
        try:
            names = table.collect_schema().names()
            for column in ("response_keys", "response_key"):
                if column in names:
                    keys = table.select(pl.col(column).explode() if column == "response_keys" else pl.col(column))
                    for frame in keys.collect_batches(chunk_size=_ROWS_AT_ONCE):
                        yield from frame.to_series().drop_nulls()
        except (pl.exceptions.ComputeError, OSError) as error:
            raise LakeError(
                f"{path} cannot be read ({error}). Delete it and materialise it again, or move it out of the lake."
            ) from None


def _walk(lake: Lake, start: Step) -> Iterator[Step]:
    step: Step | None = start
    while step is not None:
        yield step
        instruction = _find(lake, step.row.get("instruction_id"), step.shard) if step.asset in _DIALOGUES else None
        if instruction is not None:
            yield instruction
        step = _find(lake, _name_origin(step), step.shard)


def _name_origin(step: Step) -> str | None:
    values = (step.row.get(column) for column in _ORIGINS)
    return next((value for value in values if value not in {None, step.row_id}), None)


def _require(lake: Lake, row_id: str) -> Step:
    step = _find(lake, row_id)
    if step is None:
        prefixes = ", ".join(f"{prefix}_" for prefix in (*_ID_COLUMNS, _ITEM))
        raise LakeError(
            f"{row_id} is in no table of {lake.root}. Ids begin with {prefixes}; a row that was made anew may have "
            "another id now. `persona-assets status` shows which tables there are."
        )
    return step


def _find(lake: Lake, row_id: str | None, shard: str | None = None) -> Step | None:
    column, assets = _locate(lake, row_id or "")
    for asset in assets:
        shards = lake.shards(asset) if shard is None or asset == "source_instructions" else [shard]
        there = [key for key in shards if lake.exists(asset, key)]
        if not there:
            continue
        found = lake.scan_found(asset, there).filter(pl.col(column) == row_id).head(1).collect()
        if found.height:
            row = found.row(0, named=True)
            home = row.pop(SHARD_COLUMN)
            note = _describe_fate(lake, str(row_id), home) if column == "persona_id" else ""
            return Step(asset, home, str(row_id), row, lake.info(asset, home), note=note)
    return None


def _locate(lake: Lake, row_id: str) -> tuple[str, Sequence[str]]:
    prefix = row_id.partition("_")[0]
    if prefix != _ITEM:
        return _ID_COLUMNS.get(prefix, ("", ()))
    return "item_id", [name for name in lake.assets() if name not in SCHEMAS]


def _describe_fate(lake: Lake, persona_id: str, shard: str) -> str:
    if not lake.exists("hub_duplicates", shard):
        return ""
    same = pl.col("persona_id") == persona_id
    for row in lake.scan("hub_duplicates", shard).filter(same).collect().iter_rows(named=True):
        return f"dropped by the hub as a duplicate of {row['kept_id']} ({row['stage']}, {row['score']:.3f})"
    kept = lake.exists("persona_hub", shard) and lake.scan("persona_hub", shard).filter(same).collect().height
    return "kept in the hub" if kept else ""


def _add_calls(step: Step, entries: Mapping[str, Entry]) -> Step:
    calls = tuple(_read_call(key, entries.get(key)) for key in step.row.get("response_keys") or ())
    return replace(step, calls=calls)


def _read_call(key: str, entry: Entry | None) -> Call:
    if entry is None:
        return Call(key)
    seed = json.loads(entry.parameters).get("seed")
    return Call(key, entry.model, entry.prompt_hash, seed, entry.prompt_tokens, entry.completion_tokens, entry.cost)
