"""Draws by an id alone: rows that come or go leave the others, and what was paid for, as they are."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

import polars as pl

T = TypeVar("T")


def draw(lot: str, values: Sequence[T], number: int) -> list[T]:
    """Draw values by a lot, such as an id: the same in every run, evenly over many, none twice before all others."""
    start = int(hashlib.sha256(lot.encode()).hexdigest()[:8], 16)
    return [values[(start + place) % len(values)] for place in range(number)]


def draw_weighted(lot: str, weights: Mapping[T, float]) -> T:
    """Draw one value by a lot: over many lots in proportion to the weights, the same in every run."""
    point = int(hashlib.sha256(lot.encode()).hexdigest()[:13], 16) / 16**13 * sum(weights.values())
    for value, weight in weights.items():
        point -= weight
        if point < 0:
            return value
    return [value for value, weight in weights.items() if weight][-1]


def rank(lot: str) -> int:
    """The place of a lot among others, a number of 64 bits."""
    # Neither Python's hash nor that of Polars is the same in every version; the draw must be.
    return int.from_bytes(hashlib.sha256(lot.encode()).digest()[:8])


def draw_rows(rows: pl.LazyFrame, limit: int | None, column: str, lot: str) -> pl.LazyFrame:
    """Draw rows of a table by their ids, in the table's order.

    A row that comes or goes takes or leaves one place; the others that were drawn stay.

    Args:
        limit: how many; None for all.
        lot: what they are drawn for: different lots draw different rows.
    """
    if limit is None:
        return rows
    ids = rows.select(column).collect()
    drawn = ids.with_columns(rank=rank_by(column, lot)).sort("rank", column).head(limit).get_column(column)
    return rows.filter(pl.col(column).is_in(drawn.implode()))


def rank_by(column: str, lot: str) -> pl.Expr:
    """The places of ids among others, by what they are drawn for."""
    return pl.col(column).map_elements(lambda value: rank(f"{lot}/{value}"), return_dtype=pl.UInt64)
