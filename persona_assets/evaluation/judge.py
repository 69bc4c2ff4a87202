"""A judge: a model that rates a sample of an artifact's rows by a rubric file, and how far two judges agree."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, Field, create_model

from persona_assets.llm.asker import Asker
from persona_assets.llm.outcomes import Accepted, Outcome, Task, Values, Verdict
from persona_assets.llm.tasks import answer_task, run_tasks
from persona_assets.prompts import Prompt, PromptFile, load_prompt

LEAST, MOST = 1, 5
_HIDDEN = ("persona", "persona_id", "response_keys", "model", "license", "is_new", "flags")
_RUBRICS = {
    "seed_personas": "personas",
    "expanded_personas": "personas",
    "persona_hub": "personas",
    "dialogues_r": "dialogues",
    "dialogues_g": "dialogues",
}


class Rubric(PromptFile):
    """The content of a rubric file: a prompt, and the criteria that are rated from 1 to 5."""

    criteria: dict[str, str] = Field(min_length=1)

    def answer_model(self) -> type[BaseModel]:
        """One whole number a criterion, and before them the reason, so that it is written before they are."""
        fields: dict[str, Any] = {
            "reason": (str, Field("", description="What decides the ratings, in a sentence or two."))
        }
        for name, question in self.criteria.items():
            fields[name] = (int, Field(ge=LEAST, le=MOST, description=question))
        return create_model("Rating", **fields)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two judges agree on one criterion.

    Attributes:
        same: share that both rated the same.
        within_one: share whose ratings differ by one at most.
        kappa: Cohen's kappa, weighted by the square of the difference; none where one of them always says the same.
    """

    criterion: str
    rows: int
    same: float
    within_one: float
    kappa: float | None


def load_rubric(folder: Path, asset: str, name: str | None = None) -> Prompt[Rubric]:
    """Read the rubric named, or the artifact's, or its kind's, of `prompts/rubrics`; PromptError if that fails."""
    own = folder / f"{asset}.yaml"
    return load_prompt(folder / f"{name}.yaml" if name else own if own.is_file() else _default(folder, asset), Rubric)


def draw_sample(rows: pl.DataFrame, number: int, seed: int) -> list[dict[str, Any]]:
    """Draw rows to be rated, each by its id and the seed alone, so that more rows keep those that were rated."""
    key = rows.columns[0]
    ranked = sorted(rows[key].to_list(), key=lambda row_id: random.Random(f"{seed}|{row_id}").random())
    chosen = set(ranked[:number])
    return [row for row in rows.iter_rows(named=True) if row[key] in chosen]


async def rate_rows(asker: Asker[Rubric], kind: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Ask one judge about rows.

    Args:
        rows: its rows; the first column is the id.

    Returns:
        The ratings by row id; a row whose reply could not be read is not among them.
    """
    rubric = asker.prompt.content
    model = rubric.answer_model()
    tasks = (
        asker.make_task(
            _id(row),
            _id(row),
            {
                "kind": kind,
                "persona": str(row.get("persona") or ""),
                "row": describe_row(row),
                "criteria": rubric.criteria,
            },
            answer_model=model,
        )
        for row in rows
    )

    def judge(_: str, values: Values) -> Verdict:
        return Accepted(values)

    async def work(task: Task[str]) -> Outcome[str]:
        return await answer_task(asker.client, task, judge)

    ratings: dict[str, dict[str, int]] = {}
    async for outcome in run_tasks(tasks, work, asker.window):
        if outcome.values is not None:
            ratings[outcome.task.context] = {name: outcome.values[name] for name in rubric.criteria}
    return ratings


def describe_row(row: Mapping[str, Any]) -> str:
    """A row as a judge reads it: a line a field, turns in order, no ids."""
    lines = []
    for name, value in row.items():
        if name in _HIDDEN or name.endswith("_id") or value in (None, ""):
            continue
        if name == "turns":
            lines += [f"{turn['role']}: {turn['content']}" for turn in value]
        else:
            lines.append(f"{name}: {value}")
    return "\n".join(lines) if lines else str(row.get("persona", ""))


def compare_judges(
    one: Mapping[str, Mapping[str, int]], other: Mapping[str, Mapping[str, int]], criteria: Sequence[str]
) -> list[Agreement]:
    """Say how far two judges agree on the rows that both rated, criterion by criterion."""
    shared = sorted(one.keys() & other.keys())
    return [
        _compare(criterion, [one[row][criterion] for row in shared], [other[row][criterion] for row in shared])
        for criterion in criteria
    ]


def _compare(criterion: str, left: Sequence[int], right: Sequence[int]) -> Agreement:
    from sklearn.metrics import cohen_kappa_score

    n = len(left)
    if not n:
        return Agreement(criterion, 0, 0.0, 0.0, None)
    differences = [abs(a - b) for a, b in zip(left, right, strict=True)]
    varies = len(set(left)) > 1 and len(set(right)) > 1
    kappa = float(cohen_kappa_score(left, right, weights="quadratic")) if varies else None
    return Agreement(criterion, n, sum(d == 0 for d in differences) / n, sum(d <= 1 for d in differences) / n, kappa)


def _default(folder: Path, asset: str) -> Path:
    return folder / f"{_RUBRICS.get(asset, 'rows')}.yaml"


def _id(row: Mapping[str, Any]) -> str:
    return str(next(iter(row.values())))
