"""`persona-assets dedup`: the hub's rule on one file, alone."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console

from persona_assets.commands import make_table, say
from persona_assets.commands.rows_file import RowsFile
from persona_assets.corpus.entries import BadRecord, Record
from persona_assets.corpus.language import detect_language
from persona_assets.corpus.readers import get_format
from persona_assets.dedup.match import DUPLICATE_COLUMNS, Thresholds, count_verdicts
from persona_assets.dedup.preparation import prepare_personas
from persona_assets.dedup.rule import Deduplicator
from persona_assets.dedup.text import normalise
from persona_assets.embedding.cache import make_encoder
from persona_assets.errors import CorpusError
from persona_assets.personas.items import identify_persona
from persona_assets.settings import Settings

_BATCH = 8_192
_DUPLICATES: Mapping[str, type[pl.DataType]] = {**dict.fromkeys(DUPLICATE_COLUMNS, pl.String), "score": pl.Float64}


@dataclass(slots=True)
class _Report:
    """What became of a file's rows; `counts` are those of `count_verdicts`, by language."""

    kept: int = 0
    duplicates: int = 0
    counts: pl.DataFrame = field(default_factory=pl.DataFrame)
    left_out: Counter[str] = field(default_factory=Counter)
    """Rows that hold no persona, by reason."""
    first_left_out: str = ""
    """Position of the first of them, and what is wrong."""


def run_dedup(
    settings: Settings, console: Console, source: Path, column: str, kept: Path, duplicates: Path, lexical_only: bool
) -> None:
    """Apply the hub's rule to the rows of a file, in order, and show what became of them.

    Args:
        source: JSON lines, JSON, Parquet or CSV; also compressed.
        kept: where the kept rows go: the input's columns and persona_id.
        duplicates: where the others go, with `DUPLICATE_COLUMNS`.

    Raises:
        CorpusError: if the file cannot be read, has not the column or holds a persona_id twice.
        LakeError: if a file cannot be written.
    """
    thresholds = Thresholds(settings.hub.jaccard, settings.hub.cosine)
    encoder = None if lexical_only else make_encoder(settings)
    if kept.resolve() == duplicates.resolve() or source.resolve() in {kept.resolve(), duplicates.resolve()}:
        raise CorpusError(f"{source}, {kept} and {duplicates} must be three different files. Name others.")
    rule = Deduplicator(thresholds)
    report = _Report()
    found = _read_rows(source, column, settings.corpus.max_line_bytes, report)
    counts: list[pl.DataFrame] = []
    with RowsFile(kept, _read_columns(source)) as kept_file, RowsFile(duplicates, _DUPLICATES) as duplicates_file:
        while rows := list(islice(found, _BATCH)):
            frame = pl.DataFrame({"persona_id": [r["persona_id"] for r in rows], "persona": [r[column] for r in rows]})
            verdicts = rule.decide(prepare_personas(frame, encoder, thresholds.jaccard))
            languages = pl.Series([detect_language(text) for text in frame["persona"]], dtype=pl.String)
            counts.append(count_verdicts(verdicts, languages))
            is_kept = verdicts["kept_id"].is_null()
            kept_file.append(row for row, keep in zip(rows, is_kept, strict=True) if keep)
            duplicates_file.append(verdicts.filter(~is_kept).select(DUPLICATE_COLUMNS).iter_rows(named=True))
        report.kept, report.duplicates = kept_file.rows, duplicates_file.rows
        if counts:
            summed = pl.concat(counts).group_by("language").sum()
            report.counts = summed.sort("rows", "language", descending=[True, False])
        duplicates_file.publish()
        kept_file.publish()
    _print_report(console, report)


def _print_report(console: Console, report: _Report) -> None:
    table = make_table("language", "rows", "kept", "exact", "minhash", "embedding", "lexical only")
    names = ("rows", "kept", "dropped_exact", "dropped_minhash", "dropped_embedding", "lexical_only")
    for row in report.counts.iter_rows(named=True):
        table.add_row(str(row["language"]), *(f"{row[name]:,}" for name in names))
    console.print(table)
    console.print(f"{report.kept:,} kept, {report.duplicates:,} duplicates.")
    if report.left_out:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(report.left_out.items()))
        console.print(f"Left out, for they hold no persona: {reasons}. The first: ", end="")
        say(console, report.first_left_out)


def _read_rows(source: Path, column: str, max_line_bytes: int, report: _Report) -> Iterator[dict[str, Any]]:
    if not source.is_file():
        raise CorpusError(f"{source} is no file. Correct its name.")
    occurrences: Counter[bytes] = Counter()
    given: set[str] = set()
    names: dict[str, None] = {}
    for entry in get_format(source).read(source, 0, None, max_line_bytes):
        if isinstance(entry, Record):
            names |= dict.fromkeys(entry.fields)
        if fault := _find_fault(entry, column):
            report.left_out[fault[0]] += 1
            report.first_left_out = report.first_left_out or f"{source.name}:{entry.position}, {fault[1]}."
            continue
        persona_id = _identify(entry, column, source, occurrences, given)  # type: ignore[arg-type]
        yield {**entry.fields, "persona_id": persona_id}  # type: ignore[union-attr]
    if column not in names:
        raise CorpusError(
            f"{source} has no column {column!r}; it has {', '.join(map(repr, names)) or 'none that can be read'}. "
            "Name the column of the personas with --column."
        )


def _find_fault(entry: Record | BadRecord, column: str) -> tuple[str, str] | None:
    if isinstance(entry, BadRecord):
        return entry.reason, entry.detail
    value = entry.fields.get(column)
    if value is None or (isinstance(value, str) and not normalise(value)):
        return "empty", f"no text in {column}"
    if not isinstance(value, str):
        return "not_text", f"{column} holds a {type(value).__name__}"
    return None


def _identify(record: Record, column: str, source: Path, occurrences: Counter[bytes], given: set[str]) -> str:
    persona = str(record.fields[column])
    own = record.fields.get("persona_id")
    if own is None:
        digest = hashlib.sha256(normalise(persona).encode()).digest()[:16]
        persona_id = identify_persona(persona, None, None, occurrences[digest])
        occurrences[digest] += 1
    else:
        persona_id = str(own)
    if persona_id in given:
        raise CorpusError(
            f"{source}:{record.position}: persona_id {persona_id} occurs for the second time. Make the ids unique, or "
            "take the column away: ids are then made of the texts."
        )
    given.add(persona_id)
    return persona_id


def _read_columns(source: Path) -> dict[str, pl.DataType]:
    if get_format(source).name != "Parquet" or not source.is_file():
        return {"persona_id": pl.String()}
    try:
        return {**pl.read_parquet_schema(source), "persona_id": pl.String()}
    except (pl.exceptions.ComputeError, OSError) as error:
        raise CorpusError(f"{source} cannot be read as Parquet: {str(error).splitlines()[0]}. Repair it.") from None
