"""What is drawn for each row: by its id alone, in proportion to the weights."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.recipes.draws import Option, change_draws, describe_draws, draw_option

FOCUS = {
    "algebra": Option(weight=3, text="algebra with letters"),
    "geometry": Option(weight=1),
    "none": Option(weight=0),
}


def test_labels_come_in_proportion_to_their_weights() -> None:
    counts = Counter(draw_option(f"row {number}", FOCUS) for number in range(4_000))
    assert counts["none"] == 0
    assert counts["algebra"] / 4_000 == pytest.approx(0.75, abs=0.03)


@given(st.text())
def test_the_same_lot_draws_the_same(lot: str) -> None:
    assert draw_option(lot, FOCUS) == draw_option(lot, FOCUS) != "none"


@pytest.mark.parametrize(
    ("change", "labels", "text"),
    [
        ("geometry", {"geometry"}, "geometry"),
        ("knots and braids", {"knots and braids"}, "knots and braids"),
        ({"algebra": 1, "knots": 1}, {"algebra", "knots"}, None),
    ],
)
def test_settings_put_values_in_the_place_of_the_files(
    change: str | dict[str, float], labels: set[str], text: str | None
) -> None:
    changed = change_draws({"focus": FOCUS}, {"focus": change})
    assert {draw_option(f"row {number}", changed["focus"]) for number in range(99)} == labels
    if text:
        assert describe_draws(changed, {"focus": text}) == {"focus": text, "focus_text": text}
    assert describe_draws(changed, {"focus": next(iter(labels))})["focus_text"]


def test_what_the_prompt_says_of_a_label_is_the_files_text() -> None:
    assert describe_draws({"focus": FOCUS}, {"focus": "algebra"})["focus_text"] == "algebra with letters"
    kept = change_draws({"focus": FOCUS}, {"focus": {"algebra": 2}})
    assert describe_draws(kept, {"focus": "algebra"})["focus_text"] == "algebra with letters"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"topic": "x"}, r"draws\.topic: the recipe draws focus"),
        ({"focus": {}}, r"draws\.focus: weights"),
        ({"focus": {"algebra": -1}}, r"draws\.focus: weights"),
        ({"focus": {"algebra": 0}}, r"draws\.focus: weights"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, str | dict[str, float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        change_draws({"focus": FOCUS}, changes)
