"""Draws by an id alone: rows that come or go leave the others, and what was paid for, as they are."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import polars as pl

T = TypeVar("T")


def draw(lot: str, values: Sequence[T], number: int) -> list[T]:
    """Draw values by a lot: evenly over many lots, the same in every run, and none twice before all were had.

    Args:
        lot: an id, with what it is drawn for where several things are.
    """
    start = int(hashlib.sha256(lot.encode()).hexdigest()[:8], 16)
    return [values[(start + place) % len(values)] for place in range(number)]


def draw_rows(rows: pl.LazyFrame, limit: int | None, column: str, lot: str) -> pl.LazyFrame:
    """Draw rows of a table by their ids, in the table's order.

    A row that comes or goes takes or leaves one place; the others that were drawn stay.

    Args:
        limit: how many; None for all.
        lot: what they are drawn for: different lots draw different rows.
    """
    if limit is None:
        return rows

    def rank(row_id: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{lot}/{row_id}".encode()).digest()[:8])

    ids = rows.select(column).collect()
    ranked = ids.with_columns(rank=pl.col(column).map_elements(rank, return_dtype=pl.UInt64))
    drawn = ranked.sort("rank", column).head(limit).get_column(column)
    return rows.filter(pl.col(column).is_in(drawn.implode()))
