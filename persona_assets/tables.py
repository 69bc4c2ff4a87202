"""One table of the lake: the file that holds it, what it says of itself, and how it is written.

A file appears atomically, when it is whole. What belongs to the table as a whole (its accounting, the
versions of what it was made from) is written into the same file, so that rows and account never differ.
Nothing in it depends on the time or on what was cached: equal rows make an equal file.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from persona_assets.accounting import Accounting
from persona_assets.errors import LakeError
from persona_assets.records import QUARANTINE_COLUMNS
from persona_assets.storage import Storage
from persona_assets.streamed_file import StreamedFile

WHOLE = "all"
"""The file name of a table that is not partitioned."""

QUARANTINE = "quarantine"
"""The folder of what was refused; no asset can be called so."""

_METADATA_KEY = "persona_assets"
ENDING = ".parquet"
"""Of a table's file."""


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
        shard: partition, or `WHOLE`.
        path: the file, or its address in object storage.
        attributes: further facts, such as `inputs` (data versions read), `code_version`, and `settings` by name.
    """

    asset: str
    shard: str
    path: str
    rows: int
    data_version: str
    accounting: Accounting
    attributes: Mapping[str, Any]


def name_table(asset: str, shard: str) -> str:
    """The file of a table's rows, below the lake's root."""
    return f"{asset}/{shard}{ENDING}"


def name_quarantine(asset: str, shard: str) -> str:
    """The file of what was refused on the way to a table, below the lake's root."""
    return f"{QUARANTINE}/{asset}/{shard}{ENDING}"


def list_names(storage: Storage, folder: str = "") -> list[str]:
    """The tables' files in a folder of the lake, without what begins with a dot: files being written, or of tools."""
    return [name for name in storage.list_files(folder) if name.endswith(ENDING) and Path(name).name[0] != "."]


def read_info(storage: Storage, asset: str, shard: str) -> TableInfo:
    """Read what a table's file says of itself, without its rows.

    Raises:
        LakeError: if the table is missing or was not written by the lake.
    """
    path = storage.locate(name_table(asset, shard))
    try:
        with storage.open(name_table(asset, shard)) as file:
            metadata = pq.read_metadata(file)
    except FileNotFoundError:
        raise LakeError(f"{asset} of shard {shard} is not in the lake ({path}). Materialise it first.") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise LakeError(f"{path} is not a readable Parquet file ({error}). Delete it and materialise again.") from None
    stored = (metadata.metadata or {}).get(_METADATA_KEY.encode())
    if stored is None:
        raise LakeError(f"{path} was not written by persona_assets. Move it out of the lake.")
    values = json.loads(stored)
    accounting, version = Accounting.from_dict(values["accounting"]), values["data_version"]
    return TableInfo(asset, shard, path, metadata.num_rows, version, accounting, values["attributes"])


class TableWriter:
    """Writes one table batch by batch beside its final place, and moves it there at once.

    Raises:
        LakeError: by `add` and `publish`, if the disk is full or the folder cannot be written.
    """

    def __init__(self, storage: Storage, asset: str, shard: str, schema: Mapping[str, pl.DataType]) -> None:
        self._storage = storage
        self._asset = asset
        self._shard = shard
        self._names = [name_quarantine(asset, shard), name_table(asset, shard)]
        self._staging = ExitStack()
        self._paths = [self._staging.enter_context(storage.stage(name)) for name in self._names]
        self._quarantine = StreamedFile(self._paths[0], QUARANTINE_COLUMNS)
        self._rows = StreamedFile(self._paths[1], schema)
        self._hash = hashlib.sha256()
        self.accounting = Accounting()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._rows.discard()
        self._quarantine.discard()
        self._staging.close()

    def add(self, batch: Batch) -> None:
        """Append a batch."""
        rows = self._rows.append(batch.rows)
        self._quarantine.append(batch.quarantined)
        self._hash.update(rows.write_ndjson().encode())
        self.accounting.add(batch.accounting)

    def publish(self, **attributes: Any) -> TableInfo:
        """Make the table visible: the quarantine first, then the rows, each by one rename.

        Args:
            attributes: further facts of the table, JSON values only.
        """
        values = {
            "data_version": self._hash.hexdigest()[:32],
            "accounting": self.accounting.to_dict(),
            "attributes": attributes,
        }
        self._quarantine.publish({})
        self._rows.publish({_METADATA_KEY: json.dumps(values, sort_keys=True)})
        for path, name in zip(self._paths, self._names, strict=True):
            self._storage.publish(path, name)
        return read_info(self._storage, self._asset, self._shard)
