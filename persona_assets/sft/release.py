"""The release: candidates of the corpus' shards, weighted, capped, split by family and written for trainers.

<data>/sft_dataset/<mix>/train.jsonl, train.parquet, validation.jsonl, validation.parquet, README.md
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from filelock import FileLock

from persona_assets.errors import LakeError
from persona_assets.sft.card import write_card
from persona_assets.sft.mixes import Mix
from persona_assets.sft.shards import ShardChoice

_SPLITS = ("train", "validation")


@dataclass(frozen=True, slots=True)
class Release:
    """What was written.

    Attributes:
        folder: where it lies.
        counts: for each task the rows of each split and what was left out, by reason.
        families: number of families in each split.
        data_version: hash of the rows of both splits.
    """

    folder: Path
    counts: Mapping[str, Mapping[str, int]]
    families: Mapping[str, int]
    data_version: str


def choose_examples(candidates: pl.LazyFrame, families: pl.DataFrame, mix: Mix) -> pl.DataFrame:
    """Decide for every candidate whether it is taken, and into which split.

    A task's weight is the share of its candidates that is taken, by a seeded hash of their ids; so a release
    grows with its shards without moving what it had. All examples of a family are on one side.

    Args:
        candidates: rows of sft_mix: example_id, task, persona_id.
        families: persona_id and family_id over all shards.
        mix: weights, cap, split.

    Returns:
        example_id, task, family_id and `fate`: train, validation, or why it is left out: duplicate (its second
        occurrence), not_in_mix, weight or persona_cap.
    """
    frame = (
        candidates.select("example_id", "task", "persona_id")
        .collect()
        .join(families, on="persona_id", how="left", maintain_order="left")
        .with_columns(pl.col("family_id").fill_null(pl.col("persona_id")))
    )
    weights = pl.col("task").replace_strict(mix.weights, default=0.0, return_dtype=pl.Float64)
    rank = _draw("example_id", f"{mix.seed}/mix")
    side = _draw("family_id", f"{mix.seed}/split")
    cap = mix.max_per_persona if mix.max_per_persona is not None else 1 << 31
    # Within its weight, so that the cap favours no task for being drawn rarely.
    place = pl.int_range(pl.len()).over("persona_id", "is_drawn", order_by=pl.col("rank") / pl.col("weight"))
    return (
        frame.with_columns(weight=weights, rank=rank, side=side, is_first=pl.col("example_id").is_first_distinct())
        .with_columns(is_drawn=pl.col("is_first") & (pl.col("rank") < pl.col("weight")))
        .with_columns(place=place)
        .with_columns(
            fate=pl.when(~pl.col("is_first"))
            .then(pl.lit("duplicate"))
            .when(pl.col("weight") == 0)
            .then(pl.lit("not_in_mix"))
            .when(~pl.col("is_drawn"))
            .then(pl.lit("weight"))
            .when(pl.col("place") >= cap)
            .then(pl.lit("persona_cap"))
            .when(pl.col("side") < mix.validation_share)
            .then(pl.lit("validation"))
            .otherwise(pl.lit("train"))
        )
        .select("example_id", "task", "family_id", "fate")
    )


def write_release(
    folder: Path, name: str, mix: Mix, candidates: pl.LazyFrame, families: pl.DataFrame, shards: ShardChoice
) -> Release:
    """Write a release in place of the one that is there, at once.

    Args:
        folder: `<data>/sft_dataset/<mix>`.
        name: of the mix.
        mix: its content.
        candidates: sft_mix of the shards that it takes.
        families: persona_id and family_id over all shards.
        shards: those that it takes and those left out, recorded beside the rows.

    Returns:
        What was written.

    Raises:
        LakeError: if the folder cannot be written.
    """
    chosen = choose_examples(candidates, families, mix)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")), _replace(folder) as staged:
            for split in _SPLITS:
                _write_split(candidates, chosen, split, staged)
            release = Release(
                folder,
                _count(chosen, mix),
                {split: chosen.filter(pl.col("fate") == split)["family_id"].n_unique() for split in _SPLITS},
                _hash_files([staged / f"{split}.jsonl" for split in _SPLITS]),
            )
            taken = pl.scan_parquet([staged / f"{split}.parquet" for split in _SPLITS])
            write_card(staged / "README.md", name, mix, release.counts, release.families, shards, taken)
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


def _write_split(candidates: pl.LazyFrame, chosen: pl.DataFrame, split: str, folder: Path) -> None:
    taken = chosen.lazy().filter(pl.col("fate") == split).select("example_id", family="family_id")
    rows = (
        candidates.unique("example_id", keep="first", maintain_order=True)
        .join(taken, on="example_id", how="inner", maintain_order="left")
        .with_columns(family_id="family", synthetic=pl.lit(True))
        .drop("family")
    )
    rows.sink_parquet(folder / f"{split}.parquet")
    pl.scan_parquet(folder / f"{split}.parquet").sink_ndjson(folder / f"{split}.jsonl")


def _write_facts(path: Path, name: str, mix: Mix, release: Release, shards: ShardChoice) -> None:
    facts = {
        "mix": name,
        "mix_version": mix.version,
        "data_version": release.data_version,
        "inputs": shards.taken,
        "left_out": shards.left_out,
        "counts": release.counts,
    }
    path.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _count(chosen: pl.DataFrame, mix: Mix) -> dict[str, dict[str, int]]:
    counted = chosen.group_by("task", "fate").len().sort("task", "fate")
    # A task that the mix names and nobody made is shown as empty, not passed over.
    counts: dict[str, dict[str, int]] = {task: {} for task in mix.weights}
    for task, fate, number in counted.iter_rows():
        counts.setdefault(task, {})[fate] = number
    return counts


def _draw(column: str, salt: str) -> pl.Expr:
    # Polars' own hash may change between versions; a release must not.
    return pl.col(column).map_elements(
        lambda value: int(hashlib.sha256(f"{salt}/{value}".encode()).hexdigest()[:13], 16) / 16**13,
        return_dtype=pl.Float64,
    )


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
