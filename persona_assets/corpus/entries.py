"""What a reader yields: a record, or the reason why there is none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

HEAD_CHARS = 200

DROPPED_SCHEMA = pl.Schema(
    {"source": pl.String, "reason": pl.String, "detail": pl.String, "text_head": pl.String, "n": pl.Int64}
)


@dataclass(frozen=True, slots=True)
class Record:
    """One raw row of a file, or one page of an archive; `position` is its number in the file, from 1."""

    position: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A row that gives no record, or a whole file that gives no more of them.

    Args:
        position: as in `Record`.
        reason: a short code, for example `invalid_json`.
    """

    position: int
    reason: str
    detail: str
    head: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """One row of the `dropped` frames: what did not go on, and why; it stands for `n` items.

    The source is `FILE:POSITION`; reason and detail are those of `BadRecord`.
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
    """Return the `dropped` frame, of `DROPPED_SCHEMA`."""
    # A detail may quote names of columns as the file has them.
    rows = [(row.source, row.reason, _make_storable(row.detail), row.text_head, row.n) for row in dropped]
    return pl.DataFrame(rows, schema=DROPPED_SCHEMA, orient="row")


def iterate_texts(fields: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    """Yield the texts that a record, then its `metadata`, has in some fields."""
    metadata = fields.get("metadata")
    for place in (fields, metadata if isinstance(metadata, Mapping) else {}):
        yield from (place[name] for name in names if isinstance(place.get(name), str))


def _make_storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
