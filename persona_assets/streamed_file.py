"""Writing a Parquet file row group by row group, so that it appears whole or not at all."""

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from persona_assets.errors import LakeError

_ROW_GROUP = 4_096
_LEFTOVER_SECONDS = 86_400
"""Age from which a temporary file whose process is gone is what a killed run left: a run of another machine, whose
processes are not known here, may still write to a younger one."""


def write_whole(path: Path, text: str) -> None:
    """Write a small text file in place of the one that is there, at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    staged.write_text(text, encoding="utf-8")
    staged.replace(path)


class StreamedFile:
    """A Parquet file that grows by row groups of one size beside its place, and moves there at once.

    Raises:
        LakeError: by each method, if the disk is full or the folder cannot be written.
    """

    def __init__(self, path: Path, schema: Mapping[str, pl.DataType | type[pl.DataType]]) -> None:
        self._path = path
        self._schema = pl.Schema(schema)
        self._temporary = path.with_name(f".{path.stem}.{os.getpid()}.{uuid4().hex[:8]}.tmp")
        self._writer: pq.ParquetWriter | None = None
        self._waiting = pl.DataFrame(schema=self._schema)

    def append(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add rows and give them back in the columns and types of the file."""
        ordered = frame.select(self._schema.names()).cast(self._schema) if frame.width else self._waiting.clear()
        self._waiting = self._waiting.vstack(ordered)
        # Groups of one size, whatever the size of the batches: equal rows make an equal file.
        while self._waiting.height >= _ROW_GROUP:
            group, self._waiting = self._waiting.head(_ROW_GROUP), self._waiting.slice(_ROW_GROUP)
            self._write(group)
        return ordered

    def publish(self, metadata: Mapping[str, str]) -> None:
        """Finish the file, with facts of its own in its footer, and make it visible by one rename."""
        with _explain_failure(self._path):
            writer = self._open()
            if self._waiting.height:
                self._write(self._waiting)
            if metadata:
                writer.add_key_value_metadata(metadata)
            writer.close()
            with self._temporary.open("rb") as file:
                os.fsync(file.fileno())
            self._temporary.replace(self._path)
        self._writer = None

    def discard(self) -> None:
        """Leave nothing of a file that was not published; changes nothing afterwards."""
        # Closing writes the end of the file, which fails again where the disk is full.
        with suppress(OSError):
            if self._writer is not None:
                self._writer.close()
        self._writer = None
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def _write(self, group: pl.DataFrame) -> None:
        with _explain_failure(self._path):
            self._open().write_table(_to_arrow(group), row_group_size=_ROW_GROUP)

    def _open(self) -> pq.ParquetWriter:
        if self._writer is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._remove_leftovers()
            schema = _to_arrow(pl.DataFrame(schema=self._schema)).schema
            self._writer = pq.ParquetWriter(self._temporary, schema, compression="zstd")
        return self._writer

    def _remove_leftovers(self) -> None:
        # The whole name: with a dot and a number more it is another shard's.
        named = re.compile(rf"\.{re.escape(self._path.stem)}\.(\d+)\.[0-9a-f]{{8}}\.tmp")
        for path in self._path.parent.glob(".*.tmp"):
            if match := named.fullmatch(path.name):
                # Another run may remove it at the same time.
                with suppress(FileNotFoundError):
                    is_old = time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS
                    if is_old and not _is_alive(int(match.group(1))):
                        path.unlink()


def _is_alive(process: int) -> bool:
    """Whether a process of this machine runs; one that is slow may not write to its file for days."""
    if os.name == "nt":
        # There the signal 0 is Control-C.
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _explain_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LakeError(
            f"{path} could not be written: {error.strerror or error}. Nothing that was there before is lost:"
            " free space or correct the folder's permissions, then run again."
        ) from error


def _to_arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())
