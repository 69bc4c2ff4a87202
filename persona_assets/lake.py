"""The lake: one Parquet file for each asset and shard, and the truth about what exists.

    <data>/lake/<asset>/<shard>.parquet               the rows
    <data>/lake/quarantine/<asset>/<shard>.parquet    what was refused, with the reason

A file appears atomically, when it is whole. What belongs to the table as a whole (its accounting, the
versions of what it was made from) is written into the same file, so that rows and account never differ.
Nothing in it depends on the time or on what was cached: equal rows make an equal file.
"""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from persona_assets.accounting import Accounting
from persona_assets.errors import LakeError
from persona_assets.records import QUARANTINE_COLUMNS
from persona_assets.streamed_file import StreamedFile

WHOLE = "all"
"""The file name of a table that is not partitioned."""

_METADATA_KEY = "persona_assets"


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of a table on their way to the lake, with what was refused and the account of both."""

    rows: pl.DataFrame
    quarantined: pl.DataFrame
    accounting: Accounting


@dataclass(frozen=True, slots=True)
class TableInfo:
    """What a table's file says of itself.

    Attributes:
        asset: name of the asset.
        shard: partition, or `WHOLE`.
        path: the file.
        rows: number of rows.
        data_version: hash of the rows' content.
        accounting: where every task and item went.
        attributes: further facts, for example `inputs` (data versions read), `code_version`, and `settings` (those that
            decide the rows, by name).
    """

    asset: str
    shard: str
    path: Path
    rows: int
    data_version: str
    accounting: Accounting
    attributes: Mapping[str, Any]


class Lake:
    """The folder of tables."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, asset: str, shard: str = WHOLE) -> Path:
        """Where a table lies, whether or not it exists."""
        return self.root / asset / f"{shard}.parquet"

    def quarantine_path(self, asset: str, shard: str = WHOLE) -> Path:
        """Where a table's quarantine lies, whether or not it exists."""
        return self.root / "quarantine" / asset / f"{shard}.parquet"

    def shards(self, asset: str) -> list[str]:
        """The shards of an asset that are in the lake, in alphabetical order."""
        return sorted(path.stem for path in (self.root / asset).glob("*.parquet"))

    def exists(self, asset: str, shard: str = WHOLE) -> bool:
        """Whether a table is in the lake."""
        return self.path(asset, shard).is_file()

    def scan(self, asset: str, shard: str = WHOLE) -> pl.LazyFrame:
        """Read a table lazily.

        Raises:
            LakeError: if it was not materialised, or is no file of the lake's.
        """
        return pl.scan_parquet(self.info(asset, shard).path)

    def scan_all(self, asset: str, shards: Sequence[str]) -> pl.LazyFrame:
        """Read several shards of an asset as one lazy table, in the order given.

        Raises:
            LakeError: if one was not materialised.
        """
        if not shards:
            raise LakeError(f"{asset} has no shard to read. Materialise one first: persona-assets run.")
        return pl.concat([self.scan(asset, shard) for shard in shards])

    def scan_quarantine(self, asset: str, shard: str = WHOLE) -> pl.LazyFrame:
        """Read a table's quarantine lazily; empty when there is none."""
        path = self.quarantine_path(asset, shard)
        return pl.scan_parquet(path) if path.is_file() else pl.LazyFrame(schema=QUARANTINE_COLUMNS)

    def info(self, asset: str, shard: str = WHOLE) -> TableInfo:
        """Read what a table's file says of itself, without its rows.

        Raises:
            LakeError: if the table is missing or was not written by the lake.
        """
        path = self.path(asset, shard)
        try:
            metadata = pq.read_metadata(path)
        except FileNotFoundError:
            raise LakeError(f"{asset} of shard {shard} is not in the lake ({path}). Materialise it first.") from None
        except (pa.ArrowInvalid, OSError) as error:
            raise LakeError(
                f"{path} is not a readable Parquet file ({error}). Delete it and materialise again."
            ) from None
        stored = (metadata.metadata or {}).get(_METADATA_KEY.encode())
        if stored is None:
            raise LakeError(f"{path} was not written by persona_assets. Move it out of the lake.")
        values = json.loads(stored)
        return TableInfo(
            asset,
            shard,
            path,
            metadata.num_rows,
            values["data_version"],
            Accounting.from_dict(values["accounting"]),
            values["attributes"],
        )

    def write(
        self, asset: str, shard: str, schema: Mapping[str, pl.DataType], batches: Iterable[Batch], **attributes: Any
    ) -> TableInfo:
        """Write a table from batches and publish it.

        Args:
            asset: name of the asset.
            shard: partition, or `WHOLE`.
            schema: column names and Polars types.
            batches: the rows, in order.
            attributes: further facts, JSON values only.

        Returns:
            What was published.
        """
        with self.open_writer(asset, shard, schema) as writer:
            for batch in batches:
                writer.add(batch)
            return writer.publish(**attributes)

    def open_writer(self, asset: str, shard: str, schema: Mapping[str, pl.DataType]) -> "TableWriter":
        """Open a table for writing; nothing is visible until `publish`."""
        return TableWriter(self, asset, shard, schema)

    def drop_rows(
        self, asset: str, shard: str, rows: pl.Expr, refused: pl.Expr, reason: str, versions: Mapping[str, str]
    ) -> TableInfo:
        """Write a table anew without some of its rows and quarantined rows.

        Args:
            asset: name of the asset.
            shard: partition, or `WHOLE`.
            rows: which rows go.
            refused: which rows of the quarantine go.
            reason: under which they are counted as dropped.
            versions: new data versions by the old ones, of what the table was made of.

        Returns:
            What was published; the same as before, with another data version, if nothing goes.

        Raises:
            LakeError: if the table is missing or cannot be written.
        """
        old = self.info(asset, shard)
        table, quarantine = self.scan(asset, shard), self.scan_quarantine(asset, shard)
        # What is counted as dropped already, as the reasons of files are, stays so.
        reasons = (
            Counter(quarantine.filter(refused).select("reason").collect().to_series()) & old.accounting.quarantined
        )
        gone = int(table.filter(rows).select(pl.len()).collect().item())
        # The rows themselves are counted below, from what stood there.
        account = Accounting.from_dict(old.accounting.to_dict())
        account.rows -= gone
        account.quarantined -= reasons
        account.dropped.update({reason: gone + reasons.total()} if gone + reasons.total() else {})
        attributes = dict(old.attributes)
        inputs = attributes.get("inputs", {})
        attributes["inputs"] = {name: versions.get(version, version) for name, version in inputs.items()}
        with self.open_writer(asset, shard, table.collect_schema()) as writer:
            for frame in iter_frames(table.filter(~rows)):
                writer.add(Batch(frame, pl.DataFrame(), Accounting()))
            for frame in iter_frames(quarantine.filter(~refused)):
                writer.add(Batch(pl.DataFrame(), frame, Accounting()))
            writer.accounting = account
            return writer.publish(**attributes)

    def remove(self, asset: str, shard: str) -> None:
        """Take a table and its quarantine out of the lake."""
        self.path(asset, shard).unlink(missing_ok=True)
        self.quarantine_path(asset, shard).unlink(missing_ok=True)


class TableWriter:
    """Writes one table batch by batch beside its final place, and moves it there at once."""

    def __init__(self, lake: Lake, asset: str, shard: str, schema: Mapping[str, pl.DataType]) -> None:
        self._lake = lake
        self._asset = asset
        self._shard = shard
        self._rows = StreamedFile(lake.path(asset, shard), schema)
        self._quarantine = StreamedFile(lake.quarantine_path(asset, shard), QUARANTINE_COLUMNS)
        self._hash = hashlib.sha256()
        self.accounting = Accounting()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.discard()
        self._quarantine.discard()

    def add(self, batch: Batch) -> None:
        """Append a batch.

        Raises:
            LakeError: if the disk is full or the folder cannot be written.
        """
        rows = self._rows.append(batch.rows)
        self._quarantine.append(batch.quarantined)
        self._hash.update(_to_ndjson(rows))
        self.accounting.add(batch.accounting)

    def publish(self, **attributes: Any) -> TableInfo:
        """Make the table visible: the quarantine first, then the rows, each by one rename.

        Args:
            attributes: further facts of the table, JSON values only.

        Returns:
            What was published.

        Raises:
            LakeError: if the disk is full or the folder cannot be written.
        """
        values = {
            "data_version": self._hash.hexdigest()[:32],
            "accounting": self.accounting.to_dict(),
            "attributes": attributes,
        }
        self._quarantine.publish({})
        self._rows.publish({_METADATA_KEY: json.dumps(values, sort_keys=True)})
        return self._lake.info(self._asset, self._shard)


def _to_ndjson(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_ndjson(buffer)
    return buffer.getvalue()


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
