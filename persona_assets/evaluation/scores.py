"""Scores of a model before and after training, and how those of one release compare with those of the last."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

from persona_assets.errors import LakeError
from persona_assets.streamed_file import write_whole

Side = Literal["before", "after"]
MATHEMATICS, ROLE_PLAY = "mathematics", "role play"
_RANGES = {MATHEMATICS: 1.0, ROLE_PLAY: 4.0}
"""Width of a measure's scale: accuracy from 0 to 1, ratings from 1 to 5."""


@dataclass(frozen=True, slots=True)
class Score:
    """One measure of one model.

    Attributes:
        measure: mathematics (share of answers that are right), or role play (rating from 1 to 5).
        of: which questions: a file, held-out, in-domain or out-of-domain, and the task of a rating.
        side: before or after training.
        spread: standard error of the mean; 0 of a single answer.
    """

    measure: str
    of: str
    side: Side
    n: int
    value: float
    spread: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scores of one release. `share`: of the training rows that were used."""

    mix: str
    release: str
    base: str
    share: float
    scores: Sequence[Score]


def make_score(measure: str, of: str, side: Side, marks: Sequence[float]) -> Score:
    """Put marks together.

    Args:
        measure: mathematics or role play.
        side: before or after training.
        marks: one for each answer; there must be one.
    """
    spread = stdev(marks) / len(marks) ** 0.5 if len(marks) > 1 else 0.0
    return Score(measure, of, side, len(marks), fmean(marks), spread)


def find_regressions(last: Evaluation, now: Evaluation, max_drop: float) -> list[str]:
    """Say which scores of a trained model are worse than the last release's, by more than is allowed.

    Args:
        max_drop: allowed loss, as a share of the measure's scale, beyond the standard errors of both.
    """
    before = {(score.measure, score.of): score for score in last.scores if score.side == "after"}
    found = []
    for score in now.scores:
        earlier = before.get((score.measure, score.of))
        if score.side != "after" or earlier is None:
            continue
        allowed = max_drop * _RANGES[score.measure] + (score.spread**2 + earlier.spread**2) ** 0.5
        if earlier.value - score.value > allowed:
            found.append(f"{score.measure}, {score.of}: {earlier.value:.3f} before, {score.value:.3f} now")
    return found


def add_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Add an evaluation to a history; one of the same release, base and share is replaced."""
    key = (evaluation.release, evaluation.base, evaluation.share)
    others = [one for one in read_evaluations(path) if (one.release, one.base, one.share) != key]
    write_whole(path, "".join(json.dumps(asdict(one)) + "\n" for one in (*others, evaluation)))


def read_evaluations(path: Path) -> list[Evaluation]:
    """Read a history, the oldest first; empty where there is none; LakeError if it cannot be read."""
    if not path.is_file():
        return []
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [Evaluation(**{**row, "scores": [Score(**score) for score in row["scores"]]}) for row in rows]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LakeError(f"{path} cannot be read ({error}). Move it away and evaluate again.") from None


def tabulate_scores(scores: Iterable[Score]) -> str:
    """Both sides beside each other, as Markdown."""
    rows: dict[tuple[str, str], dict[str, Score]] = {}
    for score in scores:
        rows.setdefault((score.measure, score.of), {})[score.side] = score
    lines = ["| measure | of | answers | before | after | change |", "|---|---|---|---|---|---|"]
    for (measure, of), sides in rows.items():
        written = {side: f"{one.value:.3f} ± {one.spread:.3f}" for side, one in sides.items()}
        both = len(sides) == len(("before", "after"))
        change = f"{sides['after'].value - sides['before'].value:+.3f}" if both else ""
        n = next(iter(sides.values())).n
        lines.append(
            f"| {measure} | {of} | {n} | {written.get('before', '')} | {written.get('after', '')} | {change} |"
        )
    return "\n".join(lines)


def draw_scores(scores: Sequence[Score]) -> Any:
    """Plot both sides beside each other, a panel a measure."""
    from matplotlib.figure import Figure

    measures = list(dict.fromkeys(score.measure for score in scores))
    figure = Figure(figsize=(5 * max(1, len(measures)), 3.5), layout="constrained")
    panels = figure.subplots(1, max(1, len(measures)), squeeze=False)[0]
    for axes, measure in zip(panels, measures, strict=False):
        names = list(dict.fromkeys(score.of for score in scores if score.measure == measure))
        for shift, side, colour in ((-0.2, "before", "#a6bddb"), (0.2, "after", "#2b8cbe")):
            chosen = [score for score in scores if score.measure == measure and score.side == side]
            places = [names.index(score.of) + shift for score in chosen]
            axes.barh(
                places,
                [score.value for score in chosen],
                0.38,
                xerr=[score.spread for score in chosen],
                color=colour,
                label=side,
            )
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_title(measure)
        axes.legend(frameon=False)
    return figure
