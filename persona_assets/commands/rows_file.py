"""Rows written to a file of the format that its name ends in; the file appears whole or not at all."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import polars as pl

from persona_assets.errors import LakeError

SUFFIXES = (".jsonl", ".parquet", ".csv")


class RowsFile:
    """Takes rows as dictionaries, whose keys may differ from row to row.

    They are streamed to JSON lines beside the file; only their end tells the columns of a table.

    Args:
        path: the file to write, ending in .jsonl, .parquet or .csv.
        columns: names and types that the table must have; others are inferred.

    Raises:
        LakeError: for another ending, or if the folder cannot be written.
    """

    def __init__(self, path: Path, columns: Mapping[str, pl.DataType | type[pl.DataType]]) -> None:
        if path.suffix not in SUFFIXES:
            raise LakeError(f"{path}: its ending must say the format, one of {', '.join(SUFFIXES)}.")
        self._path = path
        self._columns = dict(columns)
        self._lines = path.with_name(f".{path.name}.{os.getpid()}.rows.tmp")
        self._table = path.with_name(f".{path.name}.{os.getpid()}.table.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._lines.open("w", encoding="utf-8")
        except OSError as error:
            raise self._explain(error) from None
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        self._lines.unlink(missing_ok=True)
        self._table.unlink(missing_ok=True)

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows; LakeError if the disk is full."""
        try:
            for row in rows:
                self._stream.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
                self.rows += 1
        except OSError as error:
            raise self._explain(error) from None

    def publish(self) -> None:
        """Make the file visible by one rename.

        Raises:
            LakeError: if it cannot be written, or the format cannot hold the rows.
        """
        try:
            self._stream.close()
            if self._path.suffix == ".jsonl":
                self._lines.replace(self._path)
                return
            self._write_table()
            self._table.replace(self._path)
        except OSError as error:
            raise self._explain(error) from None
        except pl.exceptions.PolarsError as error:
            raise LakeError(
                f"{self._path}: the rows do not fit its format ({str(error).splitlines()[0]}). "
                "Choose a name that ends in .jsonl, which holds any rows."
            ) from None

    def _write_table(self) -> None:
        if self.rows:
            table = pl.scan_ndjson(self._lines, infer_schema_length=None)
            names = table.collect_schema().names()
            table = table.cast({name: kind for name, kind in self._columns.items() if name in names})
            missing = [pl.lit(None, kind).alias(name) for name, kind in self._columns.items() if name not in names]
            table = table.with_columns(missing)
        else:
            table = pl.LazyFrame(schema=self._columns)
        if self._path.suffix == ".parquet":
            table.sink_parquet(self._table)
        else:
            table.sink_csv(self._table)

    def _explain(self, error: OSError) -> LakeError:
        return LakeError(
            f"{self._path} cannot be written: {error.strerror or error}. Free space, correct the folder's permissions "
            "or name another file."
        )
