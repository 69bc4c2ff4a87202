"""Responses of the ledger written to a file, page by page, and read back from one."""

import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, TextIO, cast

import polars as pl

from persona_assets.errors import LakeError
from persona_assets.llm.ledger import Entry
from persona_assets.streamed_file import StreamedFile

_ENDINGS = (".jsonl", ".jsonl.gz", ".parquet")
_RENAMED = {"task": "asset"}
_TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "cut_at": pl.Int64,
    "prompt_tokens": pl.Int64,
    "completion_tokens": pl.Int64,
    "cost": pl.Float64,
    "created_at": pl.Datetime("us", "UTC"),
}
_SCHEMA = {
    name: _TYPES.get(name, pl.String) for name in (_RENAMED.get(field.name, field.name) for field in fields(Entry))
}


def write_entries(path: Path, pages: Iterable[Sequence[Entry]]) -> int:
    """Write responses; the file appears whole or not at all.

    Args:
        path: ending in .jsonl or .jsonl.gz, where parameters and response are objects, or in .parquet, where they are
            JSON texts.
        pages: the responses; no more than a page is held in memory.

    Raises:
        LakeError: for another ending, or if the file cannot be written.
    """
    if path.name.endswith(".parquet"):
        return _write_parquet(path, pages)
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        return _write_lines(path, pages)
    raise LakeError(f"{path}: its ending must say the format, one of {', '.join(_ENDINGS)}.")


def _write_parquet(path: Path, pages: Iterable[Sequence[Entry]]) -> int:
    file = StreamedFile(path, _SCHEMA)
    count = 0
    try:
        for page in pages:
            rows = [{**row, "response": json.dumps(row["response"])} for row in map(_to_row, page)]
            file.append(pl.DataFrame(rows, schema=_SCHEMA))
            count += len(page)
        file.publish({})
    finally:
        file.discard()
    return count


def _write_lines(path: Path, pages: Iterable[Sequence[Entry]]) -> int:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    count = 0
    try:
        with _open_text(temporary, path.name.endswith(".gz")) as stream:
            for page in pages:
                for row in map(_to_row, page):
                    row["parameters"] = json.loads(row["parameters"])
                    row["created_at"] = row["created_at"].isoformat()
                    stream.write(_write_line(row) + "\n")
                count += len(page)
        temporary.replace(path)
    except OSError as error:
        raise LakeError(
            f"{path} cannot be written: {error.strerror or error}. Free space, correct the folder's permissions or name"
            " another file."
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    return count


@contextmanager
def _open_text(path: Path, is_compressed: bool) -> Iterator[TextIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") if is_compressed else path.open("w", encoding="utf-8") as stream:
        yield stream


def _write_line(row: dict[str, Any]) -> str:
    line = json.dumps(row, ensure_ascii=False)
    # A response can hold half a surrogate pair, which UTF-8 cannot.
    return line if line.isascii() or line.encode(errors="ignore").decode() == line else json.dumps(row)


def _to_row(entry: Entry) -> dict[str, Any]:
    return {_RENAMED.get(field.name, field.name): getattr(entry, field.name) for field in fields(entry)}


_PAGE = 500


def read_entries(path: Path) -> Iterator[list[Entry]]:
    """Read the responses of an export, page by page.

    Args:
        path: ending in .jsonl or .jsonl.gz, as `persona-assets ledger export` writes it.

    Yields:
        At most 500 responses.

    Raises:
        LakeError: naming the file and line that cannot be read.
    """
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8")
            if path.name.endswith(".gz")
            else path.open(encoding="utf-8") as file
        ):
            entries = (_read_line(path, number, line) for number, line in enumerate(file, 1) if line.strip())
            while page := list(islice(entries, _PAGE)):
                yield page
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise LakeError(f"{path} cannot be read: {error}. Name a file that `ledger export` wrote.") from None


def _read_line(path: Path, number: int, line: str) -> Entry:
    try:
        row = cast("dict[str, Any]", json.loads(line))
        row["task"] = row.pop("asset")
        row["parameters"] = json.dumps(row["parameters"], sort_keys=True)
        row["created_at"] = datetime.fromisoformat(row["created_at"])
        bytes.fromhex(row["key"])
        return Entry(**row)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LakeError(
            f"{path}, line {number}: no response of a ledger ({error}). Name a file that `ledger export` wrote."
        ) from None
