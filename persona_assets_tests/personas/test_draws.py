"""Draws by an id alone."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from persona_assets.personas.draws import draw


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
