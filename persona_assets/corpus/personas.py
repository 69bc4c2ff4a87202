"""Published persona sets: rows that are personas already, and need no model call to become seeds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from persona_assets.corpus.cleaning import clean_line
from persona_assets.corpus.entries import Dropped, Record, build_dropped_frame, cut_head
from persona_assets.corpus.licenses import find_license
from persona_assets.corpus.shard_entries import iterate_shard
from persona_assets.corpus.shards import PERSONA_COLUMNS, CorpusShard
from persona_assets.corpus.tombstones import FORGOTTEN, Tombstones
from persona_assets.settings import CorpusSettings

PERSONA_SCHEMA = pl.Schema({"persona": pl.String, "source": pl.String, "position": pl.Int64, "license": pl.String})


@dataclass(frozen=True, slots=True)
class PersonaBatch:
    """Some personas of a published set: `n_records == rows.height + dropped["n"].sum()`.

    Args:
        rows: of `PERSONA_SCHEMA`; a source is `FILE:POSITION`, and duplicates stay.
        dropped: of `DROPPED_SCHEMA`.
        n_records: rows read, good or bad.
    """

    rows: pl.DataFrame
    dropped: pl.DataFrame
    n_records: int


def read_persona_shard(
    shard: CorpusShard, settings: CorpusSettings, batch_rows: int = 2_048, forgotten: Tombstones | None = None
) -> Iterator[PersonaBatch]:
    """Read the personas of a shard of kind `persona`, a batch in memory at a time.

    At least one batch is yielded, which may be empty; `batch_rows` counts good and bad records.

    Raises:
        CorpusError: if a file has no column `persona`, or nothing of the shard could be read.
    """
    rows: list[tuple[str, str, int, str]] = []
    dropped: list[Dropped] = []
    yielded = False
    for source, entry in iterate_shard(shard, PERSONA_COLUMNS, settings.max_line_bytes):
        if isinstance(entry, Record):
            persona, fault = find_persona(entry.fields)
            if not fault and forgotten and forgotten.cover(persona):
                fault = FORGOTTEN
            if fault:
                dropped.append(Dropped(source, *fault, text_head=""))
            else:
                rows.append((persona, source, entry.position, find_license(entry.fields) or settings.license))
        else:
            dropped.append(Dropped(source, entry.reason, entry.detail, cut_head(entry.head)))
        if len(rows) + len(dropped) >= batch_rows:
            yield _close_batch(rows, dropped)
            rows, dropped, yielded = [], [], True
    if rows or dropped or not yielded:
        yield _close_batch(rows, dropped)


def find_persona(fields: Mapping[str, Any]) -> tuple[str, tuple[str, str] | None]:
    """Return the persona of a record on one line, and the reason and detail if there is none."""
    value = next((fields[name] for name in PERSONA_COLUMNS if fields.get(name) is not None), None)
    if value is not None and not isinstance(value, str):
        return "", ("not_text", f"the column persona holds a {type(value).__name__}")
    persona = clean_line(value or "")
    return persona, None if persona else ("empty", "no persona")


def _close_batch(rows: list[tuple[str, str, int, str]], dropped: list[Dropped]) -> PersonaBatch:
    frame = pl.DataFrame(rows, schema=PERSONA_SCHEMA, orient="row")
    return PersonaBatch(frame, build_dropped_frame(dropped), len(rows) + len(dropped))
