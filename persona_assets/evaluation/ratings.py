"""Ratings of rows by judges, as `persona-assets judge` left them."""

import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import polars as pl

from persona_assets.errors import LakeError
from persona_assets.streamed_file import write_whole

_ABOUT = ("row_id", "judge", "rubric", "rubric_version")


def write_ratings(path: Path, ratings: Sequence[dict[str, object]]) -> None:
    """Add ratings to a file; a newer one of the same row, judge and rubric takes the place of an older."""
    known = {tuple(line[name] for name in _ABOUT[:3]): line for line in [*_read(path), *ratings]}
    _write(path, known.values())


def read_ratings(folder: Path) -> pl.DataFrame:
    """The mean rating of each row that a judge has seen, over judges and criteria.

    Args:
        folder: `<data>/ratings`.

    Raises:
        LakeError: if a file cannot be read.
    """
    marks = [
        (str(line["row_id"]), float(value))  # type: ignore[arg-type]
        for path in sorted(folder.glob("*.jsonl"))
        for line in _read(path)
        for name, value in line.items()
        if name not in _ABOUT
    ]
    schema = {"source_row_id": pl.String, "rating": pl.Float64}
    return pl.DataFrame(marks, schema=schema, orient="row").group_by("source_row_id").mean().sort("source_row_id")


def drop_ratings(folder: Path, row_ids: Collection[str]) -> None:
    """Take the ratings of some rows out of every file."""
    for path in sorted(folder.glob("*.jsonl")):
        _write(path, [line for line in _read(path) if line["row_id"] not in row_ids])


def _write(path: Path, ratings: Iterable[dict[str, object]]) -> None:
    write_whole(path, "".join(json.dumps(line) + "\n" for line in ratings))


def _read(path: Path) -> list[dict[str, object]]:
    if not path.is_file():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (ValueError, OSError) as error:
        raise LakeError(f"{path} cannot be read ({error}). Delete it and run persona-assets judge again.") from None
