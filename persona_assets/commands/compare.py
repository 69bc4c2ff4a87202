"""`persona-assets compare`: what a change of prompts or settings does to the tables, with rows, as Markdown."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
from rich.console import Console

from persona_assets.backfills import list_table_assets
from persona_assets.commands import say, shorten
from persona_assets.errors import LakeError
from persona_assets.lake import Lake
from persona_assets.settings import Settings
from persona_assets.tables import TableInfo

_CELL = 400
_HIDDEN = ("_id", "_keys", "_hash", "license", "model")


def print_comparison(settings: Settings, console: Console, before: Path, rows: int) -> None:
    """Compare this lake with that of a data folder made before the change; LakeError if one of the two has no table.

    Args:
        rows: shown of each table that changed, before and after.
    """
    from persona_assets.definitions import build_definitions

    old, new = Lake(before / "lake"), Lake(settings.lake)
    for lake in (old, new):
        if not lake.assets():
            raise LakeError(f"The lake {lake.root} has no table. Run a shard into it first: persona-assets run.")
    graph = build_definitions(settings).resolve_asset_graph()
    for line in _describe_changes(old, new, [asset.name for asset in list_table_assets(graph)], rows):
        say(console, line)


def _describe_changes(old: Lake, new: Lake, assets: Sequence[str], rows: int) -> Iterator[str]:
    """Write Markdown: a table of what changed and why, then rows of each changed table."""
    changed: list[tuple[TableInfo, TableInfo]] = []
    yield "## What the change does\n"
    yield "| asset | shard | rows before | rows after | why |"
    yield "|---|---|---|---|---|"
    for asset in assets:
        for shard in sorted({*old.shards(asset), *new.shards(asset)}):
            was, now = (lake.info(asset, shard) if lake.exists(asset, shard) else None for lake in (old, new))
            why = _explain(was, now)
            if why:
                yield f"| {asset} | {shard} | {was.rows if was else ''} | {now.rows if now else ''} | {why} |"
            if was and now and was.data_version != now.data_version:
                changed.append((was, now))
    if not changed:
        yield "\nNo table has other rows than before."
    for was, now in changed:
        yield f"\n### {now.asset}, shard {now.shard}"
        yield from _show("before", was, rows)
        yield from _show("after", now, rows)


def _explain(was: TableInfo | None, now: TableInfo | None) -> str:
    if was is None or now is None:
        return "new" if was is None else "gone"
    reasons = []
    if was.attributes.get("code_version") != now.attributes.get("code_version"):
        reasons.append("its prompt was edited")
    if was.attributes.get("settings", {}) != now.attributes.get("settings", {}):
        reasons.append("its settings are others")
    old_inputs, inputs = was.attributes.get("inputs", {}), now.attributes.get("inputs", {})
    moved = [name for name, version in inputs.items() if old_inputs.get(name) != version]
    if moved:
        reasons.append(f"made of another {', '.join(moved)}")
    if not reasons and was.data_version != now.data_version:
        reasons.append("other rows")
    return "; ".join(reasons)


def _show(word: str, info: TableInfo, rows: int) -> Iterator[str]:
    table = pl.scan_parquet(info.path).head(rows).collect()
    columns = [name for name in table.columns if not name.endswith(_HIDDEN)]
    yield f"\n**{word}** ({info.rows} rows)\n"
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    for row in table.select(columns).iter_rows():
        yield "| " + " | ".join(_write(value) for value in row) + " |"


def _write(value: object) -> str:
    if isinstance(value, list):
        value = " / ".join(
            f"{turn['role']}: {turn['content']}" if isinstance(turn, dict) else str(turn) for turn in value
        )
    return shorten(str(value).replace("|", "\\|").replace("<", "&lt;"), _CELL)
