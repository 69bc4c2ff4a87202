"""Whether a shard's characters collapse into a model's favourite few: names, ages, genders and origins."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

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
