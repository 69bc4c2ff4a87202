"""Builds small corpora and reads them whole."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from persona_assets.corpus.documents import DocumentBatch, read_shard
from persona_assets.corpus.shards import CorpusShard, discover_shards
from persona_assets.settings import CorpusSettings

SENTENCE = "The keeper of the lighthouse wrote down the height of the waves every morning before breakfast. "


def make_text(number: int, length: int = 400) -> str:
    return (f"Document {number} is about the sea. " + SENTENCE * (length // len(SENTENCE) + 1))[:length].strip()


def write_json_lines(path: Path, rows: Iterable[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def make_settings(path: Path, **values: Any) -> CorpusSettings:
    return CorpusSettings(path=path, **values)


def read_batches(path: Path, **values: Any) -> list[DocumentBatch]:
    """Discover the shards of a file or folder and read all their documents."""
    settings = make_settings(path, **values)
    return [batch for shard in discover_shards(settings).shards for batch in read_shard(shard, settings)]


def read_rows(path: Path, **values: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows and the dropped rows of a file or folder, after checking that nothing disappeared."""
    batches = read_batches(path, **values)
    rows = pl.concat([batch.rows for batch in batches])
    dropped = pl.concat([batch.dropped for batch in batches])
    assert sum(batch.n_items for batch in batches) == rows.height + dropped["n"].sum()
    return rows, dropped


def count_reasons(dropped: pl.DataFrame) -> dict[str, int]:
    return dict(dropped.group_by("reason").agg(pl.col("n").sum()).iter_rows())


def make_shard(path: Path, **values: Any) -> CorpusShard:
    return CorpusShard("key", values.pop("kind", "text"), (path,), (path.name,), **values)
