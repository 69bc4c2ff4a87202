"""The lake: one Parquet file for each asset and shard, and the truth about what exists.

    <data>/lake/<asset>/<shard>.parquet               the rows
    <data>/lake/quarantine/<asset>/<shard>.parquet    what was refused, with the reason

The folder may as well be one of object storage (paths.lake). What a file holds says `tables`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from persona_assets.accounting import Accounting
from persona_assets.errors import LakeError
from persona_assets.records import QUARANTINE_COLUMNS
from persona_assets.storage import Storage
from persona_assets.tables import (
    QUARANTINE,
    WHOLE,
    Batch,
    TableInfo,
    TableWriter,
    list_names,
    name_quarantine,
    name_table,
    read_info,
)

SHARD_COLUMN = "__shard"
"""Of a table of several shards: where each row lies. No table has a column of this name."""


class Lake:
    """The folder of tables. `root`: a folder on disk, or its address in object storage."""

    def __init__(self, root: Path | str) -> None:
        self.storage = Storage(root)

    @property
    def root(self) -> str:
        """Where it lies."""
        return self.storage.root

    def path(self, asset: str, shard: str = WHOLE) -> str:
        """Where a table lies, whether or not it exists."""
        return self.storage.locate(name_table(asset, shard))

    def assets(self) -> list[str]:
        """The assets that have a table in the lake, in alphabetical order."""
        return sorted({name.partition("/")[0] for name in self.storage.list_files() if "/" in name} - {QUARANTINE})

    def shards(self, asset: str) -> list[str]:
        """The shards of an asset that are in the lake, in alphabetical order."""
        return sorted(Path(name).stem for name in list_names(self.storage, asset))

    def require_shards(self, asset: str, wanted: Sequence[str]) -> list[str]:
        """The shards that are asked for, or all of an asset's; LakeError if one of them, or any at all, is missing."""
        there = self.shards(asset)
        missing = [shard for shard in wanted if shard not in there]
        if missing or not there:
            named = f" of the shard {missing[0]}" if missing else ""
            raise LakeError(f"Nothing{named} is in the lake {self.root}. Materialise it first: persona-assets run.")
        return list(wanted) or there

    def exists(self, asset: str, shard: str = WHOLE) -> bool:
        """Whether a table is in the lake."""
        return self.storage.exists(name_table(asset, shard))

    def find_time(self, asset: str, shard: str = WHOLE) -> float | None:
        """When a table was written, in seconds since 1970; None if it is not in the lake."""
        return self.storage.find_time(name_table(asset, shard))

    def scan(self, asset: str, shard: str = WHOLE) -> pl.LazyFrame:
        """Read a table lazily; LakeError if it was not materialised, or is no file of the lake's."""
        self.info(asset, shard)
        return self.storage.scan([name_table(asset, shard)])

    def scan_all(self, asset: str, shards: Sequence[str]) -> pl.LazyFrame:
        """Read several shards of an asset as one lazy table, in the order given; LakeError if one is missing."""
        if not shards:
            raise LakeError(f"{asset} has no shard to read. Materialise one first: persona-assets run.")
        return pl.concat([self.scan(asset, shard) for shard in shards])

    def scan_quarantine(self, asset: str, shard: str = WHOLE) -> pl.LazyFrame:
        """Read a table's quarantine lazily; empty when there is none."""
        name = name_quarantine(asset, shard)
        return self.storage.scan([name]) if self.storage.exists(name) else pl.LazyFrame(schema=QUARANTINE_COLUMNS)

    def scan_found(self, asset: str, shards: Sequence[str]) -> pl.LazyFrame:
        """Read several shards that are there as one lazy table, with the shard of each row in `SHARD_COLUMN`."""
        names = {self.path(asset, shard): shard for shard in shards}
        table = self.storage.scan([name_table(asset, shard) for shard in shards], path_column=SHARD_COLUMN)
        return table.with_columns(pl.col(SHARD_COLUMN).replace_strict(names, return_dtype=pl.String))

    def scan_every_file(self) -> Iterator[tuple[str, pl.LazyFrame]]:
        """Each file of the lake, quarantine among them, with its rows."""
        for name in list_names(self.storage):
            yield self.storage.locate(name), self.storage.scan([name])

    def info(self, asset: str, shard: str = WHOLE) -> TableInfo:
        """Read what a table's file says of itself; LakeError if it is missing or was not written by the lake."""
        return read_info(self.storage, asset, shard)

    def write(
        self, asset: str, shard: str, schema: Mapping[str, pl.DataType], batches: Iterable[Batch], **attributes: Any
    ) -> TableInfo:
        """Write a table from batches, in order, and publish it. `attributes`: further facts, JSON values only."""
        with self.open_writer(asset, shard, schema) as writer:
            for batch in batches:
                writer.add(batch)
            return writer.publish(**attributes)

    def open_writer(self, asset: str, shard: str, schema: Mapping[str, pl.DataType]) -> TableWriter:
        """Open a table for writing; nothing is visible until `publish`."""
        return TableWriter(self.storage, asset, shard, schema)

    def drop_rows(
        self, asset: str, shard: str, rows: pl.Expr, refused: pl.Expr, reason: str, versions: Mapping[str, str]
    ) -> TableInfo:
        """Write a table anew without some of its rows and quarantined rows.

        Args:
            versions: new data versions by the old ones, of what the table was made of.
        """
        old = self.info(asset, shard)
        table, quarantine = self.scan(asset, shard), self.scan_quarantine(asset, shard)
        # What is counted as dropped already, as the reasons of files are, stays so.
        refusals = quarantine.filter(refused).select("reason").collect().to_series()
        reasons = Counter(refusals) & old.accounting.quarantined
        leaving = table.filter(rows).select(pl.first(), pl.col("^flags$")).collect()
        gone, doubted = leaving.height, Accounting()
        doubted.count_flags(leaving["flags"].to_list() if "flags" in leaving.columns else ())
        # The rows themselves are counted below, from what stood there.
        account = Accounting.from_dict(old.accounting.to_dict())
        account.rows -= gone
        account.quarantined -= reasons
        account.flagged -= doubted.flagged
        account.flags -= doubted.flags
        account.dropped.update({reason: gone + reasons.total()} if gone + reasons.total() else {})
        inputs = old.attributes.get("inputs", {})
        renewed = {name: versions.get(version, version) for name, version in inputs.items()}
        with self.open_writer(asset, shard, table.collect_schema()) as writer:
            for frame in iter_frames(table.filter(~rows)):
                writer.add(Batch(frame, pl.DataFrame(), Accounting()))
            for frame in iter_frames(quarantine.filter(~refused)):
                writer.add(Batch(pl.DataFrame(), frame, Accounting()))
            writer.accounting = account
            return writer.publish(**{**old.attributes, "inputs": renewed})

    def copy_from(self, other: "Lake", asset: str, shard: str = WHOLE) -> None:
        """Take over a table of another lake as it is, without its quarantine."""
        other.info(asset, shard)
        self.storage.copy_from(other.storage, name_table(asset, shard))

    def remove(self, asset: str, shard: str) -> None:
        """Take a table and its quarantine out of the lake."""
        self.storage.remove(name_table(asset, shard))
        self.storage.remove(name_quarantine(asset, shard))


def iter_frames(frame: pl.LazyFrame, rows: int = 512) -> Iterator[pl.DataFrame]:
    """Read a lazy table in one pass, in frames of at most so many rows, so that memory stays bounded.

    Raises:
        LakeError: if a file turns out to be damaged.
    """
    try:
        for part in frame.collect_batches(chunk_size=rows, maintain_order=True):
            yield from part.iter_slices(rows)
    except pl.exceptions.ComputeError as error:
        raise LakeError(
            f"A table of the lake cannot be read: {error}. Delete the file and materialise it again."
        ) from None
