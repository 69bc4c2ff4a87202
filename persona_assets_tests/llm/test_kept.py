"""What one text keeps of another."""

import pytest

from persona_assets.llm.kept import (
    count_new_words,
    keeps_code,
    says_nothing_new,
    share_copied,
    share_of_names_kept,
    share_of_numbers_kept,
    share_of_words_kept,
)


@pytest.mark.parametrize(
    ("answer", "original", "share"),
    [
        ("", "no number", 1.0),
        ("1 and 2", "2 and 1", 1.0),
        ("1", "1 2 3 4", 0.25),
        ("10", "1", 0.0),
        ("1,5", "1,5", 1.0),
    ],
)
def test_the_share_of_numbers(answer: str, original: str, share: float) -> None:
    assert share_of_numbers_kept(answer, original) == share


@pytest.mark.parametrize(
    ("answer", "original", "share"),
    [
        ("", "Five words say hardly anything.", 1.0),
        ("Bridges crossing rivers", "bridge crosses river under heavy clouds while sailors whistle softly", 3 / 10),
        ("", "bridge crosses river under heavy clouds while sailors whistle softly", 0.0),
        (
            "Listen to your neighbours.",
            "Ask what is heavy and carry the water bottles up the stairs.",
            0.0,
        ),
    ],
)
def test_the_share_of_words(answer: str, original: str, share: float) -> None:
    assert share_of_words_kept(answer, original) == pytest.approx(share)


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ("I sailed with Cook past Tahiti, friend.", 1.0),
        ("I sailed past Tahiti, friend.", 0.5),
        ("I sailed, friend.", 0.0),
    ],
)
def test_names_of_the_original_are_looked_for(answer: str, share: float) -> None:
    assert share_of_names_kept(answer, "The ship of Cook reached the coast of Tahiti. I think so.") == share
    assert share_of_names_kept(answer, "It was a ship. The sea was calm.") == 1.0


def test_the_words_and_numbers_that_no_question_has_are_new() -> None:
    questions = ["How do I sail upstream in 9 hours?", "And afterwards?"]
    assert count_new_words("I sail upstreams in 9 hours.", questions) == 0
    assert count_new_words("I take 12 hours upstream with my brother, Brother Anton.", questions) == 3
    assert says_nothing_new("I sail upstream.", questions)
    assert not says_nothing_new("I sail upstream by night, brother.", questions)
    assert not says_nothing_new("You do so.", questions)


@pytest.mark.parametrize(
    ("answer", "original", "share"),
    [
        ("", "one two three four five", 0.0),
        ("One, two, three; four: FIVE!", "one two three four five", 1.0),
        ("one two three four", "one two three four five", 0.0),
        ("one two three four five six seven eight nine ten", "one two three four five", 0.5),
        ("Photosynthesis transforms sunlight.", "Photosynthesis transforms sunlight.", 1.0),
        ("苍鹭是一种生活在水边的鸟。", "苍鹭是一种生活在水边的鸟。", 1.0),
        ("See: ```a b c d e f g```", "Here: ```a b c d e f g```", 0.0),
    ],
)
def test_the_share_copied(answer: str, original: str, share: float) -> None:
    assert share_copied(answer, original) == share


def test_code_survives_whatever_its_fence_says() -> None:
    original = "Do this:\n```python\nprint(1 + 1)\n```\nand be happy."
    assert keeps_code("Well, my way:\n```\n  print(1 + 1)\n```", original)
    assert not keeps_code("Well, print one and one.", original)
    assert keeps_code("anything", "no code")
