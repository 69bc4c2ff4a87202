"""`persona-assets trace`: where a row came from, step by step, with what each model call was asked and cost."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import polars as pl
from rich.console import Console

from persona_assets.commands import say, shorten
from persona_assets.descendants import Descendants, find_descendants
from persona_assets.errors import LakeError
from persona_assets.lake import Lake
from persona_assets.lineage import Call, Step, trace_row
from persona_assets.llm.ledger import open_ledger
from persona_assets.settings import Settings
from persona_assets.sft.choice import SPLITS
from persona_assets.sft.release import scan_split

_HIDDEN = frozenset({"response_keys", "messages", "turns", "text", "persona", "n_chars", "has_answers", "family_id"})
_IDS = ("_id", "prompt_hash")
_CELL = 300
_SHOWN = 20


def print_trace(settings: Settings, console: Console, row_id: str) -> list[Step]:
    """Show the chain from a row up to its document.

    Raises:
        LakeError: if no table has the id.
        ModelError: if the ledger cannot be read.
    """
    with closing(open_ledger(settings.ledger.url, settings.data)) as ledger:
        steps = trace_row(Lake(settings.lake), ledger, row_id)
    for number, step in enumerate(steps):
        _print_step(console, step, is_first=number == 0)
    return steps


def print_descendants(settings: Settings, console: Console, row_id: str) -> list[Descendants]:
    """Show what was made of a row, by table and shard, and in which releases; LakeError if no table has it."""
    lake = Lake(settings.lake)
    found = find_descendants(lake, [row_id])
    if not found:
        raise LakeError(f"{row_id} is in no table of {lake.root}. `persona-assets status` shows which there are.")
    for rows in found:
        console.print(f"[bold]{rows.asset}[/]  (shard {rows.shard}): {len(rows.ids):,} rows", soft_wrap=True)
        say(console, f"    {_list_some(rows.ids)}")
    examples = [one for rows in found if rows.asset == "sft_mix" for one in rows.ids]
    for folder in sorted(path.parent for path in (settings.data / "sft_dataset").glob("*/release.json")):
        for split in SPLITS:
            taken = scan_split(folder, split).filter(pl.col("example_id").is_in(examples)).select("example_id")
            ids = taken.collect().to_series().to_list()
            if ids:
                console.print(f"[bold]release {folder.name}[/], {split}: {len(ids):,} rows", soft_wrap=True)
                say(console, f"    {_list_some(ids)}")
    return found


def _list_some(ids: Sequence[str]) -> str:
    return f"{', '.join(ids[:_SHOWN])}{', …' if len(ids) > _SHOWN else ''}"


def _print_step(console: Console, step: Step, is_first: bool) -> None:
    if not is_first:
        console.print("  ↑")
    console.print(f"[bold]{step.asset}[/] {step.row_id}  (shard {step.shard})", soft_wrap=True)
    for line in describe_row(step.row, step.row_id):
        say(console, f"    {line}")
    if step.note:
        say(console, f"    {step.note}")
    files = step.table.attributes.get("files")
    if files:
        say(console, f"    files: {', '.join(files[:5])}")
    for call in step.calls:
        say(console, f"    {describe_call(call)}")


def describe_row(row: Mapping[str, Any], row_id: str) -> list[str]:
    """The text of a row, then its other columns, one a line."""
    lines = [shorten(str(row[name]), _CELL) for name in ("persona", "text") if row.get(name)]
    turns = row.get("messages") or row.get("turns") or []
    lines += [f"{turn['role']}: {shorten(turn['content'], _CELL)}" for turn in turns]
    for name, value in row.items():
        if name not in _HIDDEN and value not in (None, "", [], row_id) and not name.endswith(_IDS):
            lines.append(f"{name}: {shorten(', '.join(value) if name == 'flags' else str(value), _CELL)}")
    return lines


def describe_call(call: Call) -> str:
    """What a response was asked and cost, in a line."""
    if call.model is None:
        return f"response {call.key[:12]}: not in this ledger"
    cost = "cost unknown" if call.cost is None else f"${call.cost:.6f}".rstrip("0").rstrip(".")
    return (
        f"response {call.key[:12]}: {call.model}, prompt {call.prompt_hash}, seed {call.seed}, "
        f"{call.prompt_tokens:,} + {call.completion_tokens:,} tokens, {cost}"
    )
