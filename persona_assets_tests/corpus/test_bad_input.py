"""Every kind of bad input: the message that names it, and what survives it."""

import gzip
import os
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from persona_assets.corpus.language import detect_language
from persona_assets.corpus.shards import discover_shards
from persona_assets.errors import CorpusError
from persona_assets_tests.corpus.helpers import count_reasons, make_settings, make_text, read_rows, write_json_lines
from persona_assets_tests.corpus.warc import build_page, build_record

GOOD = [{"text": make_text(number)} for number in range(3)]


def _lines(path: Path, middle: bytes) -> None:
    write_json_lines(path, GOOD)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + middle + b"".join(lines[1:]))


def _truncated_gzip(path: Path) -> None:
    rows = [{"text": f"{os.urandom(300).hex()} {make_text(number)}"} for number in range(200)]
    plain = write_json_lines(path.with_name("plain"), rows).read_bytes()
    path.with_name("plain").unlink()
    packed = gzip.compress(plain)
    path.write_bytes(packed[: len(packed) // 2])


def _broken_parquet_tail(path: Path) -> None:
    pl.DataFrame({"text": [make_text(number) for number in range(2_000)]}).write_parquet(
        path, row_group_size=500, compression="uncompressed"
    )
    data = bytearray(path.read_bytes())
    third = len(data) // 2 + len(data) // 8
    data[third : third + len(data) // 4] = b"\xff" * (len(data) // 4)
    path.write_bytes(bytes(data))


def _truncated_warc(path: Path) -> None:
    page = build_page("http://a.example/1", f"<html><body><p>{make_text(1)}</p></body></html>")
    path.write_bytes(page + page[: len(page) // 2])


@dataclass(frozen=True)
class Survived:
    """A fault that costs only what it touches.

    Args:
        name: the file.
        write: makes it.
        reason: what the dropped row says.
        position: where it says it was.
        kept: how many rows survive at least.
    """

    name: str
    write: Callable[[Path], object]
    reason: str
    position: int | None
    kept: int


SURVIVED = [
    Survived("cut.jsonl.gz", _truncated_gzip, "file_corrupt", None, 50),
    Survived("latin.jsonl", lambda path: _lines(path, '{"text": "café"}\n'.encode("latin-1")), "bad_encoding", 2, 3),
    Survived("bad.jsonl", lambda path: _lines(path, b'{"text": "no end\n'), "invalid_json", 2, 3),
    Survived("deep.jsonl", lambda path: _lines(path, b"[" * 200_000 + b"\n"), "invalid_json", 2, 3),
    Survived("list.jsonl", lambda path: _lines(path, b"[1, 2]\n"), "invalid_json", 2, 3),
    Survived("null.jsonl", lambda path: _lines(path, b'{"text": null}\n'), "empty", 2, 3),
    Survived("none.jsonl", lambda path: _lines(path, b'{"other": "x"}\n'), "empty", 2, 3),
    Survived("number.jsonl", lambda path: _lines(path, b'{"text": 12}\n'), "not_text", 2, 3),
    Survived("blank.jsonl", lambda path: _lines(path, b'{"text": " \\u0000 "}\n'), "empty", 2, 3),
    Survived(
        "array.json",
        lambda path: path.write_text(f'[{{"text": "{make_text(1)}"}}, {{"text": "cut'),
        "file_corrupt",
        2,
        1,
    ),
    Survived("tail.parquet", _broken_parquet_tail, "file_corrupt", None, 500),
    Survived("cut.warc", _truncated_warc, "file_corrupt", 2, 1),
    Survived(
        "latin.csv",
        lambda path: path.write_bytes(f"text\n{make_text(1)}\ncaf".encode() + b"\xe9\n"),
        "bad_encoding",
        2,
        1,
    ),
]


@pytest.mark.parametrize("case", SURVIVED, ids=lambda case: case.name)
def test_one_fault_costs_only_what_it_touches(case: Survived, tmp_path: Path) -> None:
    case.write(tmp_path / case.name)
    rows, dropped = read_rows(tmp_path)
    fault = dropped.filter(pl.col("reason") == case.reason)
    assert fault.height == 1
    name, _, position = fault["source"][0].rpartition(":")
    assert name == case.name
    assert int(position) == case.position if case.position else int(position) > case.kept
    assert rows.height >= case.kept
    assert fault["detail"][0]


@dataclass(frozen=True)
class Fatal:
    """A fault that leaves nothing to read.

    Args:
        name: the file.
        content: its bytes.
        words: what the message must say.
    """

    name: str
    content: bytes
    words: tuple[str, ...]


FATAL = [
    Fatal("not.jsonl.gz", b"this is no gzip file", ("not.jsonl.gz", "file_corrupt", "Repair or replace")),
    Fatal("not.parquet", b"this is no parquet file", ("not.parquet", "file_corrupt", "Repair or replace")),
    Fatal("not.warc", b"this is no archive " * 50, ("not.warc", "file_corrupt", "Repair or replace")),
    Fatal("not.jsonl", b"no json\nnor this\n", ("not.jsonl", "record 1", "invalid_json")),
    Fatal("no.jsonl", b'{"body": "x", "id": 1}\n', ("no.jsonl", "'text'", "'body', 'id'", "Rename the column")),
    Fatal("no.csv", b"body,id\nx,1\n", ("no.csv", "'text'", "'body', 'id'", "Rename the column")),
]


@pytest.mark.parametrize("case", FATAL, ids=lambda case: case.name)
def test_a_file_without_anything_readable_is_an_error_that_names_it(case: Fatal, tmp_path: Path) -> None:
    (tmp_path / case.name).write_bytes(case.content)
    with pytest.raises(CorpusError) as caught:
        read_rows(tmp_path)
    for words in case.words:
        assert words in str(caught.value)


def test_a_licence_that_cannot_be_stored_is_cleaned(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"text": "{make_text(1)}", "license": "CC \\ud800"}}\n')
    rows, _ = read_rows(tmp_path)
    assert rows["license"].to_list() == ["CC"]


def test_parquet_without_text_names_its_columns(tmp_path: Path) -> None:
    pl.DataFrame({"body": ["x"], "id": [1]}).write_parquet(tmp_path / "no.parquet")
    with pytest.raises(CorpusError, match=r"no\.parquet has no column 'text'; it has 'body', 'id'"):
        read_rows(tmp_path)


def test_a_line_of_50_mb_is_passed_over_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    good = [f'{{"text": "{make_text(number)}"}}\n'.encode() for number in range(2)]
    with path.open("wb") as stream:
        stream.write(good[0] + b'{"text": "')
        for _ in range(50):
            stream.write(b"a" * 1_000_000)
        stream.write(b'"}\n' + good[1])
    # The detector loads its model once, which is no part of the reading.
    detect_language("Warm.")
    tracemalloc.start()
    rows, dropped = read_rows(path, max_line_bytes=1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows.height == 2
    assert dropped.select("source", "reason").rows() == [("long.jsonl:2", "line_too_long")]
    assert peak < 20_000_000


def test_a_field_too_long_for_csv_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "long.csv").write_text(
        f'text\n{make_text(1)}\n{"b" * 5_000}\n"{"c" * 900}\n{"c" * 900}"\n{make_text(2)}\n'
    )
    rows, dropped = read_rows(tmp_path, max_line_bytes=1_500)
    assert rows.height == 2
    assert count_reasons(dropped)["line_too_long"] == 2


def test_text_in_another_encoding_is_decoded(tmp_path: Path) -> None:
    russian = "Смотритель маяка каждое утро записывал высоту волн в толстую тетрадь. " * 5
    (tmp_path / "windows.txt").write_bytes(russian.encode("cp1251"))
    rows, dropped = read_rows(tmp_path)
    assert rows["text"].to_list() == [russian.strip()]
    assert rows["language"].to_list() == ["ru"]
    assert dropped.is_empty()


def test_a_text_file_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "large.txt").write_text(make_text(1, 5_000))
    (tmp_path / "small.txt").write_text(make_text(2))
    rows, dropped = read_rows(tmp_path, max_line_bytes=2_000)
    assert rows["source"].to_list() == ["small.txt:1"]
    assert dropped.select("source", "reason").rows() == [("large.txt:1", "file_too_large")]


def test_an_empty_file_is_reported_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    write_json_lines(tmp_path / "good.jsonl", GOOD)
    found = discover_shards(make_settings(tmp_path))
    assert [(item.path.name, item.reason) for item in found.skipped] == [("empty.jsonl", "empty file")]
    assert [shard.key for shard in found.shards] == ["good"]


def test_a_compressed_file_of_nothing_is_dropped_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl.gz").write_bytes(gzip.compress(b""))
    rows, dropped = read_rows(tmp_path)
    assert rows.is_empty()
    assert dropped.select("source", "reason").rows() == [("empty.jsonl.gz:1", "empty")]


@pytest.mark.parametrize("content", [None, "notes.docx"])
def test_a_folder_without_text_says_what_to_put_there(content: str | None, tmp_path: Path) -> None:
    if content:
        (tmp_path / content).write_text("x")
    with pytest.raises(CorpusError, match=r"corpus\.path: .* holds no text .*\.jsonl") as caught:
        discover_shards(make_settings(tmp_path))
    assert (content or "It is empty") in str(caught.value)


def test_a_missing_folder_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"corpus\.path: .*nowhere does not exist"):
        discover_shards(make_settings(tmp_path / "nowhere"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_without_permission_is_reported(tmp_path: Path) -> None:
    write_json_lines(tmp_path / "good.jsonl", GOOD)
    secret = write_json_lines(tmp_path / "secret.jsonl", GOOD)
    secret.chmod(0)
    found = discover_shards(make_settings(tmp_path))
    assert [(item.path.name, item.reason) for item in found.skipped] == [
        ("secret.jsonl", "cannot be read: Permission denied")
    ]


def test_a_page_that_is_no_document_costs_only_itself(tmp_path: Path) -> None:
    good = build_page("http://a.example/ok", f"<html><body><p>{make_text(1)}</p></body></html>")
    pages = [
        build_page("http://a.example/gone", "<p>gone</p>", status="404 Not Found"),
        build_page("http://a.example/image", "x", kind="image/png"),
        build_page("http://a.example/packed", "not gzip", extra="Content-Encoding: gzip\r\n"),
        build_page("http://a.example/nothing", "<html></html>"),
        build_record("conversion", "http://a.example/wet", make_text(2).encode(), "text/plain"),
    ]
    (tmp_path / "pages.warc").write_bytes(good + b"".join(pages))
    rows, dropped = read_rows(tmp_path)
    assert rows["url"].to_list() == ["http://a.example/ok", "http://a.example/wet"]
    assert dropped["reason"].to_list() == ["http_status", "not_html", "bad_http", "no_main_text"]
    assert all(detail.startswith("http://a.example/") for detail in dropped["detail"])
