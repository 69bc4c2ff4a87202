"""Readers of formats that hold a table or a list as a whole: Parquet and JSON arrays."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from persona_assets.corpus.entries import BadRecord, Record
from persona_assets.corpus.line_formats import describe_damage, read_json_lines
from persona_assets.corpus.streams import STREAM_ERRORS, open_stream

PARQUET_BATCH_ROWS = 256
VALUE_ERRORS = (ValueError, ArithmeticError, LookupError)
"""What converting a value raises that Parquet can hold and Python cannot, such as a time of the year 10000."""

_Row = dict[str, Any] | tuple[str, str]
"""The fields of a row, or the reason and detail why they cannot be read."""


def read_parquet(path: Path, start: int, stop: int | None, max_bytes: int) -> Iterator[Record | BadRecord]:
    """Yield the rows of a Parquet file, a batch in memory at a time, from the row groups of the range alone.

    The limit of a text is in characters here. A `BadRecord` has the reason `line_too_long`, `bad_encoding`,
    `bad_value` or `file_corrupt`.
    """
    import pyarrow as pa
    from pyarrow import parquet

    position = start
    try:
        with parquet.ParquetFile(path) as file:
            groups, first = _choose_row_groups(file.metadata, start, stop)
            batches = file.iter_batches(batch_size=PARQUET_BATCH_ROWS, row_groups=groups)
            rows = (row for batch in batches for row in _convert(batch))
            wanted = islice(rows, start - first, None if stop is None else stop - first)
            for position, row in enumerate(wanted, start=start + 1):
                yield BadRecord(position, *row) if isinstance(row, tuple) else check_size(position, row, max_bytes)
    except (pa.ArrowException, *STREAM_ERRORS) as error:
        yield describe_damage(position + 1, error)


def _choose_row_groups(metadata: Any, start: int, stop: int | None) -> tuple[list[int], int]:
    """Return the row groups that hold rows of the range, and the number of the first row in them."""
    groups: list[int] = []
    first, end = start, 0
    for group in range(metadata.num_row_groups):
        begin, end = end, end + metadata.row_group(group).num_rows
        if end > start and (stop is None or begin < stop):
            first = first if groups else begin
            groups.append(group)
    return groups, first


def _convert(batch: Any) -> Sequence[_Row]:
    try:
        rows: list[_Row] = batch.to_pylist()
    except VALUE_ERRORS:
        # One value ends the conversion of all rows: those without such a value are found one by one.
        return [_convert_row(batch.slice(place, 1)) for place in range(batch.num_rows)]
    return rows


def _convert_row(row: Any) -> _Row:
    fields: dict[str, Any] = {}
    for number, column in enumerate(row.schema):
        try:
            fields[column.name] = row.column(number).to_pylist()[0]
        except UnicodeDecodeError as error:
            return "bad_encoding", f"column {column.name}: not UTF-8: {error.reason}"
        except VALUE_ERRORS as error:
            return "bad_value", f"column {column.name} ({column.type}): {type(error).__name__}: {error}"
    return fields


def count_parquet(path: Path) -> int:
    """Return the number of rows that a Parquet file's footer states; 0 if it cannot be read."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return int(parquet.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        return 0


def read_json(path: Path, start: int, stop: int | None, max_bytes: int) -> Iterator[Record | BadRecord]:
    """Yield the objects of a JSON array, streamed; a `.json` file that holds JSON lines is read as such.

    The limit of a text is in characters here. A `BadRecord` has the reason `invalid_json`, `line_too_long` or
    `file_corrupt`.
    """
    if not holds_array(path):
        yield from read_json_lines(path, start, stop, max_bytes)
        return
    import ijson

    position = start
    try:
        with open_stream(path) as stream:
            values = islice(ijson.items(stream, "item", use_float=True), start, stop)
            for position, value in enumerate(values, start=start + 1):
                if isinstance(value, dict):
                    yield check_size(position, value, max_bytes)
                else:
                    yield BadRecord(position, "invalid_json", f"a JSON {type(value).__name__}, not an object")
    except (ijson.JSONError, *STREAM_ERRORS) as error:
        yield describe_damage(position + 1, ValueError(" ".join(str(error).split())))


def holds_array(path: Path) -> bool:
    """Tell a JSON array from JSON lines by the first character that is no white space."""
    try:
        with open_stream(path) as stream:
            return stream.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    except STREAM_ERRORS:
        return False


def check_size(position: int, fields: dict[str, Any], max_bytes: int) -> Record | BadRecord:
    """Return a record, or the reason `line_too_long` if one of its texts is longer than the limit."""
    longest = max((len(value) for value in fields.values() if isinstance(value, str)), default=0)
    if longest > max_bytes:
        return BadRecord(position, "line_too_long", f"{longest} characters; corpus.max_line_bytes = {max_bytes}")
    return Record(position, fields)
