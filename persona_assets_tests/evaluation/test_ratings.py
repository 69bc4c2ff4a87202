"""Ratings by judges, kept in a file and read as one mean a row."""

from pathlib import Path

import pytest

from persona_assets.errors import LakeError
from persona_assets.evaluation.ratings import read_ratings, write_ratings


def rate(row: str, judge: str, **marks: int) -> dict[str, object]:
    return {"row_id": row, "judge": judge, "rubric": "rows", "rubric_version": "v", **marks}


def test_the_mean_is_over_judges_and_criteria(tmp_path: Path) -> None:
    write_ratings(tmp_path / "a.jsonl", [rate("x", "one", clear=5, true=3), rate("x", "two", clear=1, true=1)])
    write_ratings(tmp_path / "b.jsonl", [rate("y", "one", clear=4)])
    assert read_ratings(tmp_path).rows() == [("x", 2.5), ("y", 4.0)]


def test_a_newer_rating_takes_the_place_of_an_older_and_others_stay(tmp_path: Path) -> None:
    write_ratings(tmp_path / "a.jsonl", [rate("x", "one", clear=5), rate("y", "one", clear=2)])
    write_ratings(tmp_path / "a.jsonl", [rate("x", "one", clear=1)])
    assert read_ratings(tmp_path).rows() == [("x", 1.0), ("y", 2.0)]


def test_without_ratings_nothing_is_rated(tmp_path: Path) -> None:
    assert read_ratings(tmp_path / "none").is_empty()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{")
    with pytest.raises(LakeError, match=r"a\.jsonl cannot be read .*run persona-assets judge again"):
        read_ratings(tmp_path)
