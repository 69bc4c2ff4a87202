"""Scores of releases: kept in a history, compared, and shown beside each other."""

from pathlib import Path

import pytest

from persona_assets.evaluation.scores import (
    MATHEMATICS,
    ROLE_PLAY,
    Evaluation,
    Score,
    Side,
    add_evaluation,
    draw_scores,
    find_regressions,
    make_score,
    read_evaluations,
    tabulate_scores,
)


def evaluate(release: str, value: float, spread: float = 0.0, measure: str = MATHEMATICS) -> Evaluation:
    sides: tuple[Side, Side] = ("before", "after")
    return Evaluation("m", release, "base", 1.0, [Score(measure, "gsm", side, 9, value, spread) for side in sides])


@pytest.mark.parametrize(
    ("measure", "last", "now", "spread", "falls"),
    [
        (MATHEMATICS, 0.6, 0.54, 0.0, True),
        (MATHEMATICS, 0.6, 0.56, 0.0, False),
        (MATHEMATICS, 0.6, 0.54, 0.1, False),
        (MATHEMATICS, 0.5, 0.9, 0.0, False),
        (ROLE_PLAY, 4.5, 4.2, 0.0, True),
        (ROLE_PLAY, 4.5, 4.35, 0.0, False),
    ],
)
def test_a_fall_beyond_what_is_allowed_is_a_regression(
    measure: str, last: float, now: float, spread: float, falls: bool
) -> None:
    found = find_regressions(evaluate("a", last, spread, measure), evaluate("b", now, spread, measure), 0.05)
    assert bool(found) == falls
    assert all(f"{measure}, gsm" in line for line in found)


def test_a_history_keeps_one_evaluation_a_release(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    assert read_evaluations(path) == []
    for one in (evaluate("a", 0.1), evaluate("b", 0.2), evaluate("b", 0.3)):
        add_evaluation(path, one)
    assert read_evaluations(path) == [evaluate("a", 0.1), evaluate("b", 0.3)]


def test_both_sides_stand_beside_each_other() -> None:
    scores = [make_score(MATHEMATICS, "gsm", "before", [0, 1]), make_score(MATHEMATICS, "gsm", "after", [1, 1])]
    table = tabulate_scores(scores)
    assert "| mathematics | gsm | 2 | 0.500 ± 0.500 | 1.000 ± 0.000 | +0.500 |" in table
    assert len(draw_scores(scores).axes) == 1
