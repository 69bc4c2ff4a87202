"""Parquet: a value that Parquet can hold and Python cannot costs its row alone."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from persona_assets.corpus.entries import BadRecord
from persona_assets.corpus.table_formats import read_parquet
from persona_assets.errors import CorpusError
from persona_assets_tests.corpus.helpers import make_text, read_rows

YEAR_10000 = 253_402_300_800_000_000
"""In microseconds since 1970."""


def _parquet_with(path: Path, name: str, values: pa.Array) -> None:
    """Write good texts beside a column of which some values cannot be read."""
    pq.write_table(pa.table({"text": [make_text(number) for number in range(len(values))], name: values}), path)


def _strings(*values: bytes) -> pa.Array:
    """A column of strings as a careless writer leaves it: of any bytes."""
    return pa.Array.from_buffers(pa.string(), len(values), pa.array(values, pa.binary()).buffers())


def _times(*microseconds: int | None, zone: str | None = None) -> pa.Array:
    return pa.array(microseconds, pa.int64()).cast(pa.timestamp("us", tz=zone))


@pytest.mark.parametrize(
    ("values", "reason", "detail"),
    [
        (_strings(b"tea", b"caf\xe9", b"milk"), "bad_encoding", "column extra: not UTF-8"),
        (_times(0, YEAR_10000, 1), "bad_value", "column extra (timestamp[us])"),
        (_times(None, 0, None, zone="Mars/Phobos"), "bad_value", "column extra (timestamp[us, tz=Mars/Phobos])"),
        (pa.StructArray.from_arrays([_strings(b"", b"\xff", b"")], ["inner"]), "bad_encoding", "column extra"),
    ],
    ids=["encoding", "year", "zone", "nested"],
)
def test_a_value_that_cannot_be_read_costs_its_row(values: pa.Array, reason: str, detail: str, tmp_path: Path) -> None:
    _parquet_with(tmp_path / "a.parquet", "extra", values)
    rows, dropped = read_rows(tmp_path)
    assert rows["text"].to_list() == [make_text(0), make_text(2)]
    assert dropped.select("source", "reason").rows() == [("a.parquet:2", reason)]
    assert dropped.filter(pl.col("detail").str.starts_with(detail)).height == 1


@pytest.mark.parametrize(("start", "stop"), [(0, None), (299, 301), (300, 302), (301, None)])
def test_a_row_that_cannot_be_read_has_its_number_in_every_slice(start: int, stop: int | None, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    _parquet_with(path, "when", _times(*(0,) * 300, YEAR_10000, *(0,) * 99))
    entries = list(read_parquet(path, start, stop, 1_000_000))
    assert [entry.position for entry in entries] == list(range(start + 1, (stop or 400) + 1))
    bad = [entry for entry in entries if isinstance(entry, BadRecord)]
    assert [entry.position for entry in bad] == [301] * (start <= 300)
    assert all("when" in entry.detail and "out of range" in entry.detail for entry in bad)


def test_a_column_of_which_no_value_can_be_read_is_named(tmp_path: Path) -> None:
    _parquet_with(tmp_path / "zone.parquet", "when", _times(0, 1, zone="Mars/Phobos"))
    with pytest.raises(CorpusError, match=r"zone\.parquet, record 1: bad_value \(.*when.*Mars/Phobos"):
        read_rows(tmp_path)
