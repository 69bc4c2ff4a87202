"""What the UI shows of a row: as it is, on one line, and as much as there is room for."""

import pytest

from persona_assets.assets.preview import show_value


def make_turns(*lengths: int) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[place % 2], "content": "x" * length} for place, length in enumerate(lengths)]


@pytest.mark.parametrize(
    ("lengths", "shown"),
    [
        ((20, 200), (20, 200)),
        ((20, 2_000), (20, 250)),
        ((2_000, 20), (250, 20)),
        ((2_000, 2_000), (130, 130)),
    ],
)
def test_a_short_question_leaves_its_room_to_the_answer(lengths: tuple[int, int], shown: tuple[int, int]) -> None:
    turns = show_value(make_turns(*lengths)).split(" / ")
    assert [turn.partition(":")[0] for turn in turns] == ["user", "assistant"]
    for turn, length, least in zip(turns, lengths, shown, strict=True):
        assert turn.count("x") >= least - 1
        assert turn.endswith("…") == (length > 250)
    assert sum(map(len, turns)) <= 300


def test_of_many_turns_the_first_are_shown() -> None:
    shown = show_value(make_turns(*[400] * 12))
    assert len(shown) <= 300
    assert shown.count("user: ") == 2


def test_text_brings_no_markup_and_no_lines() -> None:
    assert show_value("a *b*\n<c>") == r"a \*b\* \<c\>"
    assert show_value(["d", 1]) == "d / 1"
