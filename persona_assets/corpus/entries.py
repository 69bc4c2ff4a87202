"""What a reader yields: a record, or the reason why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

HEAD_CHARS = 200

DROPPED_SCHEMA = pl.Schema(
    {"source": pl.String, "reason": pl.String, "detail": pl.String, "text_head": pl.String, "n": pl.Int64}
)


@dataclass(frozen=True, slots=True)
class Record:
    """One raw row of a file, or one page of an archive.

    Args:
        position: where it is in its file: line, row or record number, counted from 1.
        fields: the columns as the file names them.
    """

    position: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A row that gives no record, or a whole file that gives no more of them.

    Args:
        position: as in `Record`.
        reason: a short code, for example `invalid_json`.
        detail: the reason in words.
        head: the first characters of what was read, at most 200.
    """

    position: int
    reason: str
    detail: str
    head: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """One row of the `dropped` frames: what did not go on, and why.

    Args:
        source: the file and the position in it, `FILE:N`.
        reason: a short code.
        detail: the reason in words.
        text_head: the first 200 characters of the text.
        n: how many items the row stands for.
    """

    source: str
    reason: str
    detail: str
    text_head: str
    n: int = 1


def cut_head(text: str) -> str:
    """Return the start of a text that a `dropped` row shows, without what UTF-8 cannot encode."""
    return _make_storable(text[:HEAD_CHARS])


def build_dropped_frame(dropped: list[Dropped]) -> pl.DataFrame:
    """Return the `dropped` frame: source, reason, detail, text_head, n."""
    # A detail may quote names of columns as the file has them.
    rows = [(row.source, row.reason, _make_storable(row.detail), row.text_head, row.n) for row in dropped]
    return pl.DataFrame(rows, schema=DROPPED_SCHEMA, orient="row")


def _make_storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
