"""Each format gives the same records, whole and in slices."""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from fastwarc.stream_io import ZstdWriter

from persona_assets.corpus.entries import Record
from persona_assets.corpus.readers import count_records, find_suffix, get_format
from persona_assets.errors import CorpusError
from persona_assets_tests.corpus.helpers import make_text, read_rows, write_json_lines
from persona_assets_tests.corpus.warc import build_record

MAX_BYTES = 1_000_000
ROWS = [{"id": f"row-{number}", "text": f'Line one, "quoted".\nПривет {make_text(number)}'} for number in range(7)]


def _write_csv(path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.DictWriter(stream, ["id", "text"], delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(ROWS)


def _write_zstd(path: Path) -> None:
    plain = write_json_lines(path.with_suffix(".plain"), ROWS)
    writer = ZstdWriter(str(path))
    writer.write(plain.read_bytes())
    writer.close()
    plain.unlink()


def _write_warc(path: Path) -> None:
    records = [build_record("conversion", row["id"], row["text"].encode(), "text/plain") for row in ROWS]
    request = build_record("request", "x", b"GET / HTTP/1.1\r\n\r\n", "application/http; msgtype=request")
    parts = [part for record in records for part in (request, record)]
    path.write_bytes(b"".join(map(gzip.compress, parts)) if path.suffix == ".gz" else b"".join(parts))


WRITERS: dict[str, Callable[[Path], object]] = {
    "a.jsonl": lambda path: write_json_lines(path, ROWS),
    "a.ndjson": lambda path: path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(json.dumps(row).encode() for row in ROWS)),
    "a.jsonl.gz": lambda path: path.write_bytes(
        gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS).encode())
    ),
    "a.jsonl.zst": _write_zstd,
    "array.json": lambda path: path.write_text(json.dumps(ROWS, indent=2)),
    "lines.json": lambda path: write_json_lines(path, ROWS),
    "a.parquet": lambda path: pl.DataFrame(ROWS).write_parquet(path, row_group_size=3),
    "a.csv": _write_csv,
    "a.tsv": _write_csv,
    "a.warc": _write_warc,
    "a.warc.wet.gz": _write_warc,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(("start", "stop"), [(0, None), (0, 3), (2, 5), (3, 6), (5, None), (7, None)])
def test_a_slice_of_every_format(name: str, start: int, stop: int | None, tmp_path: Path) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    entries = list(get_format(path).read(path, start, stop, MAX_BYTES))
    assert [entry.fields["text"] for entry in entries if isinstance(entry, Record)] == [
        row["text"] for row in ROWS[start:stop]
    ]
    assert [entry.position for entry in entries] == list(range(start + 1, (stop or 7) + 1))


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_damage_behind_a_slice_is_reported_by_the_next_alone(name: str, tmp_path: Path) -> None:
    plain, path = tmp_path / name, tmp_path / f"{name}.gz"
    WRITERS[name](plain)
    path.write_bytes(gzip.compress(plain.read_bytes()) + gzip.compress(b"lost" * 99)[:15])
    first, second = (list(get_format(path).read(path, *part, MAX_BYTES)) for part in ((0, 7), (7, None)))
    assert [(entry.position, isinstance(entry, Record)) for entry in first] == [(n, True) for n in range(1, 8)]
    assert [(entry.position, isinstance(entry, Record)) for entry in second] == [(8, False)]


@pytest.mark.parametrize("name", WRITERS)
def test_counting_agrees_with_reading(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    assert count_records(path, MAX_BYTES) == len(ROWS)


@pytest.mark.parametrize("name", ["note.txt", "note.md"])
def test_a_text_file_is_one_document(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(make_text(1))
    rows, _ = read_rows(tmp_path)
    assert rows["text"].to_list() == [make_text(1)]
    assert rows["source"].to_list() == [f"{name}:1"]


def test_blank_lines_are_no_records_but_keep_line_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f"\n{json.dumps(ROWS[0])}\n\n  \n{json.dumps(ROWS[1])}")
    assert [entry.position for entry in get_format(path).read(path, 0, None, MAX_BYTES)] == [2, 5]
    assert count_records(path, MAX_BYTES) == 5


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.JSONL.GZ", ".jsonl.gz"),
        ("CC-MAIN.warc.wet.gz", ".wet.gz"),
        ("b.parquet", ".parquet"),
        ("c.docx", ""),
        ("gz", ""),
    ],
)
def test_find_suffix(name: str, suffix: str) -> None:
    assert find_suffix(Path(name)) == suffix


def test_an_unknown_format_says_which_are_known() -> None:
    with pytest.raises(CorpusError, match=r"c\.docx is of no known format.*\.jsonl.*\.parquet"):
        get_format(Path("c.docx"))
