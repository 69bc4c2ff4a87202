"""Makes the rows of any recipe: personas (or another recipe's rows) in, checked rows out."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from persona_assets.lake import Batch, iter_frames
from persona_assets.llm.asker import Asker
from persona_assets.llm.tasks import (
    Accepted,
    Outcome,
    Rejected,
    Scorer,
    Task,
    Values,
    Verdict,
    answer_task,
    collect_batches,
    run_tasks,
)
from persona_assets.recipes.arithmetic import read_numbers
from persona_assets.recipes.checks import CHECKS
from persona_assets.recipes.recipe import RecipeFile
from persona_assets.records import content_id, polars_schema

Compare = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]
"""Cosine of each of some texts with each, by the embedding model: a row for every text."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """The row that a recipe reads: a persona, or a row of another recipe."""

    columns: Mapping[str, Any]
    item_id: str | None
    sample: int

    @property
    def row_id(self) -> str:
        """Id for the quarantine."""
        return self.item_id or str(self.columns["persona_id"])


async def make_items(asker: Asker[RecipeFile], rows: pl.LazyFrame, compare: Compare) -> AsyncIterator[Batch]:
    """Make a shard's rows of a recipe.

    Args:
        asker: model and recipe file.
        rows: persona_hub, or the table of the recipe that this one reads.
        compare: for recipes that prefer the candidate nearest to the persona.

    Yields:
        Batches of the recipe's table.
    """
    recipe = asker.prompt.content

    def judge(source: SourceRow, values: Values) -> Verdict:
        return judge_answer(recipe, source, values)

    scorer = _make_scorer(recipe, compare)

    async def work(task: Task[SourceRow]) -> Outcome[SourceRow]:
        return await answer_task(asker.client, task, judge, scorer)

    def make_row(outcome: Outcome[SourceRow]) -> dict[str, Any]:
        source, values = outcome.task.context, dict(outcome.values or {})
        persona_id = source.columns["persona_id"]
        return {
            "item_id": content_id("itm", recipe.asset, persona_id, source.item_id, source.sample, *values.values()),
            "persona_id": persona_id,
            "persona": source.columns["persona"],
            "source_item_id": source.item_id,
            **values,
            "response_keys": list(outcome.keys),
        }

    outcomes = run_tasks(_plan(asker, rows), work, asker.window)
    async for batch in collect_batches(outcomes, make_row, polars_schema(recipe.schema_class())):
        yield batch


def judge_answer(recipe: RecipeFile, source: SourceRow, values: Values) -> Verdict:
    """Read the fields of an answer and apply the recipe's checks."""
    if recipe.answer == "text":
        found = _read_fields(recipe, values["text"])
        if isinstance(found, Rejected):
            return found
        values = found
    for name in recipe.checks:
        flaw = CHECKS[name](values, source.columns)
        if flaw:
            return Rejected(flaw)
    return Accepted(values)


def _read_fields(recipe: RecipeFile, text: str) -> Values | Rejected:
    if recipe.pattern:
        match = re.search(recipe.pattern, text)
        if not match:
            return Rejected("malformed", "the answer does not fit the recipe's pattern")
        found = {name: (match.group(name) or "").strip() for name in recipe.fields}
    else:
        found = {next(iter(recipe.fields)): text.strip()}
    try:
        return recipe.answer_model().model_validate(found).model_dump()
    except ValueError as error:
        return Rejected("malformed", " ".join(str(error).split())[:300])


def _make_scorer(recipe: RecipeFile, compare: Compare) -> Scorer[SourceRow] | None:
    if recipe.prefer == "near_persona":
        return partial(_measure_nearness, compare, next(iter(recipe.fields)))
    if recipe.prefer == "agreement":
        return partial(_count_agreement, recipe.agreement_field)
    return None


async def _measure_nearness(
    compare: Compare, field: str, source: SourceRow, candidates: Sequence[Values]
) -> Sequence[float]:
    to_persona, *_ = await compare([str(source.columns["persona"]), *(str(values[field]) for values in candidates)])
    return to_persona[1:]


async def _count_agreement(field: str, _: SourceRow, candidates: Sequence[Values]) -> list[float]:
    answers = [str(values[field]) for values in candidates]
    plain = [read_numbers(answer) or answer.casefold() for answer in answers]
    return [float(plain.count(answer)) for answer in plain]


def _plan(asker: Asker[RecipeFile], rows: pl.LazyFrame) -> Iterator[Task[SourceRow]]:
    recipe = asker.prompt.content
    model = recipe.answer_model() if recipe.answer == "json" else None
    limited = rows if asker.settings.limit is None else rows.head(asker.settings.limit)
    for frame in iter_frames(limited):
        for columns in frame.iter_rows(named=True):
            for sample in range(recipe.per_row):
                source = SourceRow(columns, columns.get("item_id"), sample)
                yield asker.make_task(source.row_id, source, columns, sample, model)
