"""What is drawn for each row: by its id alone, in proportion to the weights, and only what belongs together."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.personas.draws import draw_weighted
from persona_assets.recipes.draws import (
    Option,
    change_draws,
    describe_draws,
    draw_labels,
    require_draws,
)

FOCUS = {
    "algebra": Option(weight=3, text="algebra with letters"),
    "geometry": Option(weight=1),
    "none": Option(weight=0),
}
LEVEL = {
    "primary": Option(weight=1, when={"focus": ("geometry",)}),
    "university": Option(weight=1, when={"focus": ("algebra",)}),
    "secondary": Option(weight=1),
}


def draw_many(draws: dict[str, dict[str, Option]], number: int = 400) -> list[dict[str, str]]:
    return [draw_labels(f"row {place}", draws) for place in range(number)]


def test_labels_come_in_proportion_to_their_weights() -> None:
    counts = Counter(drawn["focus"] for drawn in draw_many({"focus": FOCUS}, 4_000))
    assert counts["none"] == 0
    assert counts["algebra"] / 4_000 == pytest.approx(0.75, abs=0.03)


@given(st.text())
def test_the_same_lot_draws_the_same(lot: str) -> None:
    assert draw_labels(lot, {"focus": FOCUS}) == draw_labels(lot, {"focus": FOCUS})
    assert draw_weighted(lot, {2: 1.0, 3: 0.0}) == 2


def test_a_level_is_drawn_only_for_a_topic_that_has_it() -> None:
    pairs = {(drawn["focus"], drawn["level"]) for drawn in draw_many({"focus": FOCUS, "level": LEVEL})}
    assert pairs == {
        ("algebra", "university"), ("algebra", "secondary"), ("geometry", "primary"), ("geometry", "secondary"),
    }  # fmt: skip


def test_what_the_settings_fix_is_drawn_whatever_else_is() -> None:
    draws = {"focus": FOCUS, "level": LEVEL}
    assert {drawn["level"] for drawn in draw_many(change_draws(draws, {"level": "primary"}))} == {"primary"}
    both = draw_many(change_draws(draws, {"level": {"primary": 1, "university": 1}}))
    assert {(drawn["focus"], drawn["level"]) for drawn in both} == {("algebra", "university"), ("geometry", "primary")}


@pytest.mark.parametrize(
    ("draws", "message"),
    [
        ({"focus": {"a": Option(weight=0)}}, "focus has no option with a weight"),
        ({"level": LEVEL, "focus": FOCUS}, r"level\.primary\.when: no earlier draw focus has geometry"),
        ({"focus": FOCUS, "level": {"a": Option(when={"focus": ("knots",)})}}, r"level\.a\.when: .* has knots"),
        (
            {"focus": FOCUS, "level": {"a": Option(when={"focus": ("algebra",)})}},
            "level has no option with a weight where focus is geometry",
        ),
    ],
)
def test_a_draw_from_which_nothing_may_be_drawn_is_named(draws: dict[str, dict[str, Option]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        require_draws(draws)


def test_conditions_that_cover_every_case_are_well() -> None:
    level = {"a": Option(when={"focus": ("algebra",)}), "b": Option(when={"focus": ("geometry",)})}
    require_draws({"focus": FOCUS, "level": level})


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
    assert {drawn["focus"] for drawn in draw_many(changed, 99)} == labels
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
