"""What characters and dialogues are like as a set: favourites, length, turns, and likeness."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from persona_assets.characters.checks import share_copied

_DECADES = 10


@dataclass(frozen=True, slots=True)
class Balance:
    """How characters are distributed.

    Attributes:
        given_names: characters by given name, the most frequent first.
        countries: the same by the last part of the birthplace.
        ages: the same by decade: 20 stands for 20 to 29.
        same_name: characters that share their whole name with an earlier one.
    """

    characters: int
    given_names: Mapping[str, int]
    countries: Mapping[str, int]
    genders: Mapping[str, int]
    ages: Mapping[int, int]
    same_name: int

    def share(self, counts: Mapping[str, int]) -> float:
        """Share of the most frequent value of one of the counts."""
        return max(counts.values(), default=0) / max(1, self.characters)


def measure_balance(profiles: pl.LazyFrame) -> Balance:
    """Count the characters of a table."""
    rows = profiles.select("name", "age", "gender", "birthplace").collect()
    given = pl.col("name").str.split(" ").list.first()
    country = pl.col("birthplace").str.split(",").list.last().str.strip_chars()
    return Balance(
        rows.height,
        _count(rows.select(given)),
        _count(rows.select(country)),
        _count(rows.select(pl.col("gender").str.to_lowercase())),
        dict(sorted(_count(rows.select(pl.col("age") // _DECADES * _DECADES)).items())),  # type: ignore[arg-type]
        rows.height - rows["name"].str.to_lowercase().n_unique(),
    )


def _count(values: pl.DataFrame) -> dict[str, int]:
    counted = (
        values.to_series()
        .alias("value")
        .to_frame()
        .group_by("value")
        .len()
        .sort("len", "value", descending=[True, False])
    )
    return dict(counted.iter_rows())


_PAIRS = 2_000
"""Pairs of answers that are compared at most."""


@dataclass(frozen=True, slots=True)
class DialogueMeasures:
    """Measures of a table of dialogues.

    Attributes:
        pairs: answers of two characters to the same question that were compared.
        overlap: mean share of their words in common runs of five; 1 where every character says the same.
    """

    dialogues: int
    turns: float
    characters: int
    median_chars: float
    pairs: int
    overlap: float


def measure_dialogues(dialogues: pl.LazyFrame) -> DialogueMeasures:
    """Measure a table. `dialogues`: rows of dialogues_r or dialogues_g."""
    rows = dialogues.select("character_id", "instruction_id", "turns", "n_turns").collect()
    answers = pl.col("turns").list.eval(
        pl.element().filter(pl.element().struct["role"] == "assistant").struct["content"]
    )
    spoken = rows.with_columns(answers=answers, first=answers.list.first())
    lengths = spoken["answers"].explode().str.len_chars()
    overlaps: list[float] = []
    for _, same in spoken.group_by("instruction_id", maintain_order=True):
        if same.height > 1 and len(overlaps) < _PAIRS:
            overlaps += [share_copied(one, other) for one, other in combinations(same["first"].to_list(), 2)]
    return DialogueMeasures(
        rows.height,
        float(rows["n_turns"].mean() or 0),  # type: ignore[arg-type]
        rows["character_id"].n_unique(),
        float(lengths.median() or 0),  # type: ignore[arg-type]
        len(overlaps),
        sum(overlaps) / len(overlaps) if overlaps else 0.0,
    )
