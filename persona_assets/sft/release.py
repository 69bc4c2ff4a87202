"""The release: candidates of the corpus' shards, chosen, cut to length and written for trainers.

<data>/sft_dataset/<mix>/train.jsonl, train.parquet, validation.jsonl, validation.parquet, README.md, release.json,
and by the mix sharegpt/, alpaca/, preference/, packed/ and what loads them
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from filelock import FileLock

from persona_assets.errors import LakeError
from persona_assets.llm.tokenizer import ChatTokenizer, load_tokenizer
from persona_assets.sft.card import write_card
from persona_assets.sft.choice import SPLITS, Measures, choose_examples, count_fates, count_flags
from persona_assets.sft.formats import write_formats
from persona_assets.sft.lengths import measure_lengths
from persona_assets.sft.mixes import Mix
from persona_assets.sft.packing import write_packed
from persona_assets.sft.shards import ShardChoice

_ROWS_A_FILE = 100_000


@dataclass(frozen=True, slots=True)
class Release:
    """What was written.

    Attributes:
        counts: for each task the rows of each split and what was left out, by reason.
        flags: for each check the candidates that it flags: those taken, and those left out for it.
        data_version: hash of the rows of both splits.
        tokens: tokens of each split; empty where the mix names no tokenizer.
        packed: for each split the rows and the share of their places that is filled; empty without packing.
    """

    folder: Path
    counts: Mapping[str, Mapping[str, int]]
    families: Mapping[str, int]
    flags: Mapping[str, Mapping[str, int]]
    data_version: str
    tokens: Mapping[str, int] = field(default_factory=dict)
    formats: Mapping[str, int] = field(default_factory=dict)
    packed: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def write_release(
    folder: Path,
    name: str,
    mix: Mix,
    candidates: pl.LazyFrame,
    families: pl.DataFrame,
    shards: ShardChoice,
    ratings: pl.DataFrame | None = None,
) -> Release:
    """Write a release in place of the one that is there, at once.

    Args:
        folder: `<data>/sft_dataset/<mix>`.
        shards: those that it takes and those left out, recorded beside the rows.
        ratings: source_row_id and rating by judges; none: nothing is rated.

    Raises:
        LakeError: if the folder cannot be written.
        ModelError: if the mix's tokenizer cannot be used.
    """
    tokenizer = load_tokenizer(mix.tokenizer) if mix.tokenizer else None
    lengths = measure_lengths(candidates, tokenizer, mix.max_tokens) if tokenizer else None
    measures = Measures(lengths=lengths) if ratings is None else Measures(ratings, lengths)
    chosen = choose_examples(candidates, families, mix, measures)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")), _replace(folder) as staged:
            splits = {split: _write_split(candidates, chosen, lengths, split, staged) for split in SPLITS}
            release = Release(
                folder,
                count_fates(chosen, mix),
                {split: chosen.filter(pl.col("fate") == split)["family_id"].n_unique() for split in SPLITS},
                count_flags(chosen),
                _hash_files([staged / f"{split}.jsonl" for split in SPLITS]),
                {split: int(rows.select(pl.sum("n_tokens")).collect().item()) for split, rows in splits.items()}
                if tokenizer
                else {},
                write_formats(staged, mix.formats, splits),
                _pack(staged, splits, tokenizer, mix.pack),
            )
            write_card(staged / "README.md", name, mix, release, shards, pl.concat(list(splits.values())))
            _write_facts(staged / "release.json", name, mix, release, shards)
    except OSError as error:
        raise LakeError(
            f"The release {folder} could not be written: {error.strerror or error}. The earlier one is untouched:"
            " make room or correct the folder's permissions, then materialise sft_dataset again."
        ) from error
    return release


def read_release_facts(folder: Path) -> dict[str, Any] | None:
    """What a release says of itself, or None when there is none."""
    path = folder / "release.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def scan_split(folder: Path, split: str) -> pl.LazyFrame:
    """Read a split of a release, train or validation, lazily."""
    return pl.scan_parquet(sorted(folder.glob(f"{split}*.parquet")))


def _write_split(
    candidates: pl.LazyFrame, chosen: pl.DataFrame, lengths: pl.DataFrame | None, split: str, folder: Path
) -> pl.LazyFrame:
    """Write the rows of a split, and return them as they were written, with `is_cut`."""
    taken = chosen.lazy().filter(pl.col("fate") == split).select("example_id", family="family_id")
    rows = candidates.unique("example_id", keep="first", maintain_order=True)
    rows = rows.join(taken, on="example_id", how="inner", maintain_order="left")
    rows = _cut(rows, lengths).with_columns(family_id="family", synthetic=pl.lit(True)).drop("family")
    whole = folder / f".{split}.parquet"
    rows.sink_parquet(whole)
    written = pl.scan_parquet(whole)
    written.drop("is_cut").sink_ndjson(folder / f"{split}.jsonl")
    _write_shards(written.drop("is_cut"), folder, split)
    return written


def _cut(rows: pl.LazyFrame, lengths: pl.DataFrame | None) -> pl.LazyFrame:
    if lengths is None:
        return rows.with_columns(is_cut=pl.lit(False))
    known = lengths.lazy().unique("example_id", keep="first", maintain_order=True)
    stays = pl.col("n_messages").cast(pl.UInt32)
    spoken = pl.col("messages").list.eval(pl.element().struct.field("role") != "system").list.sum()
    return (
        rows.join(known, on="example_id", how="left", maintain_order="left")
        .with_columns(is_cut=stays < pl.col("messages").list.len(), messages=pl.col("messages").list.head(stays))
        .with_columns(n_turns=spoken.cast(pl.Int32))
        .drop("n_messages")
    )


def _write_shards(rows: pl.LazyFrame, folder: Path, split: str) -> None:
    """Write one Parquet file, or several of a size that a hub takes well."""
    number = int(rows.select(pl.len()).collect().item())
    if number <= _ROWS_A_FILE:
        rows.sink_parquet(folder / f"{split}.parquet")
        return
    files = -(-number // _ROWS_A_FILE)
    for place in range(files):
        part = rows.slice(place * _ROWS_A_FILE, _ROWS_A_FILE)
        part.sink_parquet(folder / f"{split}-{place:05}-of-{files:05}.parquet")


def _pack(
    folder: Path, splits: Mapping[str, pl.LazyFrame], tokenizer: ChatTokenizer | None, length: int | None
) -> dict[str, Mapping[str, float]]:
    if tokenizer is None or length is None:
        return {}
    (folder / "packed").mkdir()
    return {
        split: write_packed(folder / "packed" / f"{split}.parquet", rows, tokenizer, length)
        for split, rows in splits.items()
    }


def _write_facts(path: Path, name: str, mix: Mix, release: Release, shards: ShardChoice) -> None:
    facts = {
        "mix": name,
        "mix_version": mix.version,
        "data_version": release.data_version,
        "inputs": shards.taken,
        "left_out": shards.left_out,
        "counts": release.counts,
        "flags": release.flags,
        "tokens": release.tokens,
        "formats": release.formats,
        "packed": release.packed,
    }
    path.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _hash_files(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()[:32]


@contextmanager
def _replace(folder: Path) -> Iterator[Path]:
    """Give an empty folder that takes the place of another when all is written, and never before."""
    staged, old = folder.with_name(f".{folder.name}.tmp"), folder.with_name(f".{folder.name}.old")
    if old.exists() and not folder.exists():
        # A run died between the two renames below.
        old.rename(folder)
    shutil.rmtree(staged, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    staged.mkdir()
    try:
        yield staged
        for helper in staged.glob(".*"):
            helper.unlink()
        if folder.exists():
            folder.rename(old)
        try:
            staged.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
