"""Prompts are computed together where that costs nothing twice."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.llm.prefixes import count_shared, count_together

DEMONSTRATIONS = list(range(100))


def write_prompt(*own: int) -> np.ndarray:
    return np.array([*DEMONSTRATIONS, *own])


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)))
def test_the_shared_beginning_is_what_both_begin_with(one: list[int], other: list[int]) -> None:
    shared = count_shared(np.array(one), np.array(other))
    assert one[:shared] == other[:shared]
    assert one[shared : shared + 1] != other[shared : shared + 1] or shared == len(one) == len(other)


def test_the_first_prompt_of_a_kind_goes_alone() -> None:
    assert count_together([write_prompt(1), write_prompt(2)], []) == 1


def test_prompts_whose_demonstrations_are_computed_go_together() -> None:
    waiting = [write_prompt(number) for number in range(200, 205)]
    assert count_together(waiting, [write_prompt(1)]) == len(waiting)


def test_the_candidates_of_one_row_follow_the_first_of_them() -> None:
    row = list(range(300, 360))
    waiting = [write_prompt(5), write_prompt(*row), write_prompt(*row), write_prompt(6)]
    assert count_together(waiting, [write_prompt(1)]) == 2
    assert count_together(waiting[2:], [write_prompt(*row)]) == 2


def test_nothing_that_waits_is_nothing_to_take_in() -> None:
    assert count_together([], [write_prompt(1)]) == 0
