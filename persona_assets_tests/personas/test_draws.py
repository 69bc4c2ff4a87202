"""Draws by an id alone."""

from collections import Counter

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.personas.draws import draw, draw_rows


@given(st.text(), st.lists(st.integers(), min_size=1, max_size=12, unique=True), st.integers(0, 40))
def test_none_is_drawn_twice_before_all_were_had(lot: str, values: list[int], number: int) -> None:
    drawn = draw(lot, values, number)
    assert drawn == draw(lot, values, number)
    assert len(drawn) == number
    counts = Counter(drawn)
    assert max(counts.values(), default=0) - min((counts[value] for value in values), default=0) <= 1


def test_many_lots_are_even() -> None:
    counts = Counter(draw(f"doc_{number}", ["read", "write", "like", "dislike"], 1)[0] for number in range(4_000))
    assert all(900 < count < 1_100 for count in counts.values())


def test_rows_are_drawn_by_their_ids_in_the_tables_order() -> None:
    rows = pl.LazyFrame({"row_id": [f"per_{number:03}" for number in range(200)]})
    drawn = draw_rows(rows, 20, "row_id", "math").collect()["row_id"].to_list()
    assert len(drawn) == 20
    assert drawn == sorted(drawn)
    assert drawn != draw_rows(rows, 20, "row_id", "logic").collect()["row_id"].to_list()
    fewer = draw_rows(rows.filter(pl.col("row_id") != drawn[3]), 20, "row_id", "math").collect()["row_id"].to_list()
    assert len(set(drawn) - set(fewer)) == 1
    assert draw_rows(rows, None, "row_id", "math").collect().height == 200
    assert draw_rows(rows, 0, "row_id", "math").collect().is_empty()
