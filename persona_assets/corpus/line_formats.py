"""Readers of formats that are lines: JSON lines and delimited text (CSV, TSV)."""

import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from persona_assets.corpus.entries import BadRecord, Record, cut_head
from persona_assets.corpus.streams import STREAM_ERRORS, iterate_lines, open_stream

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_TOO_LONG = "\ud800\n"


def read_json_lines(path: Path, start: int, stop: int | None, max_bytes: int) -> Iterator[Record | BadRecord]:
    """Yield the records of a JSON-lines file; blank lines are none, but count for `start` and `stop`.

    A `BadRecord` has the reason `line_too_long`, `bad_encoding`, `invalid_json` or `file_corrupt` (the last one).
    """
    number = 0
    try:
        with open_stream(path) as stream:
            for number, line in islice(iterate_lines(stream, max_bytes), stop):
                if number > start and (line is None or line.strip()):
                    yield _parse_json_line(number, line, max_bytes)
    except STREAM_ERRORS as error:
        yield describe_damage(number + 1, error)


def _parse_json_line(number: int, line: bytes | None, max_bytes: int) -> Record | BadRecord:
    if line is None:
        return BadRecord(number, "line_too_long", f"longer than corpus.max_line_bytes = {max_bytes}")
    try:
        value = json.loads(line.removeprefix(BYTE_ORDER_MARK).decode("utf-8"))
    except UnicodeDecodeError as error:
        return BadRecord(number, "bad_encoding", f"not UTF-8: {error.reason}", show_bytes(line))
    except (ValueError, RecursionError) as error:
        return BadRecord(number, "invalid_json", str(error), show_bytes(line))
    if not isinstance(value, dict):
        return BadRecord(number, "invalid_json", f"a JSON {type(value).__name__}, not an object", show_bytes(line))
    return Record(number, value)


def read_delimited(path: Path, start: int, stop: int | None, max_bytes: int) -> Iterator[Record | BadRecord]:
    """Yield the rows of a CSV file (comma) or a TSV file (tab); the header line, which it must have, is not counted.

    A `BadRecord` has the reason `line_too_long`, `bad_encoding`, `invalid_csv` or `file_corrupt`.
    """
    csv.field_size_limit(max_bytes)
    number = 0
    try:
        with open_stream(path) as stream:
            lines = (_decode_line(line) for _, line in iterate_lines(stream, max_bytes))
            rows = csv.reader(lines, delimiter="\t" if ".tsv" in path.suffixes else ",")
            header = next(rows, [])
            for number, row in enumerate(islice(_recover(rows), stop), start=1):
                if number > start:
                    yield _build_row(number, header, row)
    except STREAM_ERRORS as error:
        yield describe_damage(number + 1, error)


def _recover(rows: Iterator[list[str]]) -> Iterator[list[str] | csv.Error]:
    while True:
        try:
            yield next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield error


def _decode_line(line: bytes | None) -> str:
    # A line too long becomes one field that no decoded text can equal, so that it keeps its row number; bytes
    # that are not UTF-8 become surrogates for the same reason.
    return _TOO_LONG if line is None else line.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "surrogateescape")


def _build_row(number: int, header: list[str], row: list[str] | csv.Error) -> Record | BadRecord:
    if isinstance(row, csv.Error):
        return BadRecord(number, "line_too_long" if "limit" in str(row) else "invalid_csv", str(row))
    joined = "".join(row)
    if _TOO_LONG.strip() in joined:
        return BadRecord(number, "line_too_long", "longer than corpus.max_line_bytes", cut_head(joined))
    if any("\udc80" <= char <= "\udcff" for char in joined):
        return BadRecord(number, "bad_encoding", "not UTF-8: convert the file to UTF-8", cut_head(joined))
    return Record(number, dict(zip(header, row, strict=False)))


def is_damage(entry: Record | BadRecord) -> bool:
    """Tell the end of a damaged file from a row, good or bad."""
    return isinstance(entry, BadRecord) and entry.reason == "file_corrupt"


def describe_damage(position: int, error: Exception) -> BadRecord:
    """Return the reason `file_corrupt` for a file that breaks off before a position."""
    return BadRecord(position, "file_corrupt", f"the file breaks off: {str(error) or type(error).__name__}")


def show_bytes(line: bytes) -> str:
    """Return the start of a line as text, for a person to recognise it."""
    return cut_head(line[:800].decode("utf-8", "replace"))
