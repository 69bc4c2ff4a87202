"""Answers that are equal but written differently, and ones that look equal and are not."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.recipes.answers import count_equivalent, equivalent

LINES = Path(__file__).with_name("answer_pairs.txt").read_text(encoding="utf-8").splitlines()
PAIRS = [(line[0] == "=", *line[2:].split(" || ")) for line in LINES if line[:2] in {"= ", "! "}]


def test_there_are_enough_pairs_of_both_kinds() -> None:
    assert len(PAIRS) >= 200
    assert min(sum(same for same, *_ in PAIRS), sum(not same for same, *_ in PAIRS)) >= 90


@pytest.mark.parametrize(("same", "one", "other"), PAIRS)
def test_a_pair_of_answers(same: bool, one: str, other: str) -> None:
    assert equivalent(one, other) is same
    assert equivalent(other, one) is same


@pytest.mark.parametrize("answer", sorted({answer for _, *pair in PAIRS for answer in pair}))
def test_every_answer_equals_itself(answer: str) -> None:
    assert equivalent(answer, f" {answer} ")


def test_an_empty_answer_equals_nothing() -> None:
    assert not equivalent("", "")
    assert not equivalent("5", "")


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_texts_are_compared_without_an_error(one: str, other: str) -> None:
    assert equivalent(one, other) in {True, False}


@given(st.fractions(min_value=-1000, max_value=1000, max_denominator=50))
def test_a_fraction_equals_its_latex_and_no_neighbour(value) -> None:  # type: ignore[no-untyped-def]
    plain = f"{value.numerator}/{value.denominator}"
    sign = "-" if value < 0 else ""
    assert equivalent(plain, rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}")
    assert not equivalent(plain, f"{value.numerator + 1}/{value.denominator}")


def test_it_works_in_a_thread_where_there_are_no_signals() -> None:
    found: list[bool] = []
    worker = threading.Thread(target=lambda: found.append(equivalent(r"4\sqrt{3}", r"\sqrt{48}")))
    worker.start()
    worker.join()
    assert found == [True]


def test_answers_are_counted_by_equivalence() -> None:
    assert count_equivalent(["1/2", "0.5 km", "50%", "7"]) == [3, 2, 2, 1]
