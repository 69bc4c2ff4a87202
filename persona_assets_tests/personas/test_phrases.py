"""The noun phrases of a text: which they are, how they are spelled, and which come first."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.personas.phrases import choose_phrases, list_phrases


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("We sent messages about tablets for high blood pressure.", ["tablets for high blood pressure", "tablets"]),
        ("They met in the laundry room.", ["the laundry room"]),
        ("She spoke of the landlords and their rents.", ["landlords", "rents"]),
        ("She mends the depth of a beam.", ["the depth of a beam", "the depth"]),
    ],
)
def test_a_phrase_is_named_with_and_without_what_it_is_tied_to(text: str, phrases: Sequence[str]) -> None:
    assert set(phrases) <= set(list_phrases(text))


@pytest.mark.parametrize("text", ["", "42 kg", "Mrs Ada Lovelace", "ミツバチの巣箱", "He sings loudly."])
def test_names_numbers_and_units_are_no_phrases(text: str) -> None:
    assert list_phrases(text) == []


def test_a_noun_in_the_singular_keeps_its_article() -> None:
    assert "landlord" not in list_phrases("The landlord keeps money. Nobody likes landlord jokes about the landlord.")
    assert "the landlord" in list_phrases("He writes to the landlord.")


def test_a_bare_noun_that_is_counted_elsewhere_is_left_out() -> None:
    phrases = list_phrases("A small shop sells milk. He went from shop to shop. The shop was full. Milk is dear, milk.")
    assert "shop" not in phrases
    assert "milk" in phrases


@given(st.text(max_size=200))
def test_every_phrase_stands_in_the_text(text: str) -> None:
    squeezed = " ".join(text.split())
    phrases = list_phrases(squeezed)
    assert len(set(phrases)) == len(phrases)
    assert all(word in squeezed.lower() for phrase in phrases for word in phrase.split())


def test_the_nearest_phrases_come_first() -> None:
    async def compare(texts: Sequence[str]) -> list[list[float]]:
        nearness = {"bees": 0.9, "a wall": 0.4, "frames": 0.6}
        return [[1.0, *(nearness.get(text, 0.1) for text in texts[1:])] for _ in texts]

    text = "He keeps bees behind a wall with frames and honey."
    assert asyncio.run(choose_phrases(compare, text, 3)) == ["bees", "frames", "a wall"]
    assert asyncio.run(choose_phrases(compare, "42", 3)) == []
