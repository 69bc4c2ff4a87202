"""Persona-to-Persona: relationship expansion in up to six rounds (Persona Hub, section 2.2).

Each round asks the personas that the last one added for people in close relationship with them. What is new is
decided by the hub's own rule against everything the shard has so far. A persona that only says the same again, or
that is flagged, stays as a row, and is not expanded; how many are left out, and why, is reported round by round.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from pydantic import BaseModel, Field

from persona_assets.accounting import Accounting
from persona_assets.corpus.tombstones import Tombstones
from persona_assets.llm.asker import Asker
from persona_assets.llm.tasks import Outcome, Task, Values, Verdict, answer_task, collect_batches, run_tasks
from persona_assets.personas.draws import draw, draw_rows
from persona_assets.personas.items import PEOPLE, Item, build_answer, hide_forgotten, judge_items, know_language
from persona_assets.personas.persona_checks import doubt_relative
from persona_assets.prompts import PromptFile
from persona_assets.records import QUARANTINE_COLUMNS, ExpandedPersonas, polars_schema, without_flags
from persona_assets.settings import ExpansionSettings
from persona_assets.tables import Batch

FindNew = Callable[[pl.DataFrame], pl.Series]
"""Decides for a frame of persona_id and persona which rows are new, and remembers them."""

BEYOND = "max_frontier"
"""Why a persona that could be expanded is not asked about: more were new than a round may ask."""

_SCHEMA = polars_schema(ExpandedPersonas)
_FRONTIER = ("persona_id", "persona", "root_id", "language", "license")


class Relative(BaseModel):
    """One person of an answer."""

    relationship: str = Field(description="What this person is to the one described, in a few words.")
    persona: str = Field(description="The description of this person, which stands alone.")


@dataclass(frozen=True, slots=True)
class Parent:
    """The persona that is asked about."""

    persona_id: str
    persona: str
    root_id: str
    language: str
    license: str


@dataclass(frozen=True, slots=True)
class RoundReport:
    """What one round made, and what became of it: made = expanded + duplicates + flagged + beyond + last.

    Attributes:
        round: its number; 0 stands for the seeds.
        asked: people asked for.
        new: rows that the hub's rule keeps against all earlier ones of the shard.
        duplicates: rows not expanded because they say the same as an earlier one.
        flagged: rows not expanded because a check doubts them.
        beyond: new rows not expanded because the next round asks no more than `max_frontier`.
        last: new rows not expanded because no round follows.
    """

    round: int
    asked: int
    made: int
    new: int
    duplicates: int
    flagged: int
    beyond: int = 0
    last: int = 0

    @property
    def expanded(self) -> int:
        """Rows that the next round asks about."""
        return self.new - self.beyond - self.last


async def expand_personas(
    asker: Asker[PromptFile],
    seeds: pl.DataFrame,
    settings: ExpansionSettings,
    excluded: Sequence[str],
    find_new: FindNew,
    reports: list[RoundReport],
    forgotten: Tombstones | None = None,
) -> AsyncIterator[Batch]:
    """Expand a shard's seed personas round by round.

    Args:
        find_new: the hub's rule over the shard; it is given the seeds first.
        reports: receives a report of the seeds and of each round.
        forgotten: personas that must not come back when the model says them again.

    Yields:
        Batches of expanded_personas, round after round.
    """
    rows = _mark_new(seeds.with_columns(root_id="persona_id"), find_new, excluded)
    asked = seeds.height
    most = settings.max_frontier or max(1, seeds.height)
    for number in range(settings.rounds + 1):
        report = _report(number, asked, rows, excluded)
        if number == settings.rounds or _ends(report, settings):
            reports.append(replace(report, last=report.new))
            return
        new = rows.filter("is_new").select(_FRONTIER)
        frontier = draw_rows(new.lazy(), most, "persona_id", "frontier").collect()
        reports.append(replace(report, beyond=new.height - frontier.height))
        if new.height > frontier.height:
            yield _account_beyond(new.height - frontier.height)
        made = [pl.DataFrame(schema=_SCHEMA)]
        async for batch in _run_round(asker, frontier, settings, number + 1, forgotten or Tombstones()):
            marked = _mark_new(batch.rows, find_new, excluded)
            made.append(marked)
            yield replace(batch, rows=marked)
        rows = pl.concat(made)
        asked = frontier.height * settings.relatives


def _mark_new(rows: pl.DataFrame, find_new: FindNew, excluded: Sequence[str]) -> pl.DataFrame:
    # What is kept out of the hub must not make a good persona old.
    candidates = without_flags(rows.lazy(), excluded).select("persona_id", "persona").collect()
    new = candidates.filter(find_new(candidates))["persona_id"] if candidates.height else candidates["persona_id"]
    return rows.with_columns(is_new=pl.col("persona_id").is_in(new.implode()))


def _report(number: int, asked: int, rows: pl.DataFrame, excluded: Sequence[str]) -> RoundReport:
    new = int(rows["is_new"].sum())
    flagged = rows.height - int(without_flags(rows.lazy(), excluded).select(pl.len()).collect().item())
    return RoundReport(number, asked, rows.height, new, rows.height - new - flagged, flagged)


def _ends(report: RoundReport, settings: ExpansionSettings) -> bool:
    if not report.new:
        return True
    return report.round > 0 and report.new / report.made < settings.min_new_share


def _account_beyond(number: int) -> Batch:
    accounting = Accounting(skipped=Counter({BEYOND: number}))
    return Batch(pl.DataFrame(schema=_SCHEMA), pl.DataFrame(schema=QUARANTINE_COLUMNS), accounting)


async def _run_round(
    asker: Asker[PromptFile], frontier: pl.DataFrame, settings: ExpansionSettings, number: int, forgotten: Tombstones
) -> AsyncIterator[Batch]:
    def judge(parent: Parent, values: Values) -> Verdict:
        return _judge(asker, parent, values, forgotten)

    async def work(task: Task[Parent]) -> Outcome[Parent]:
        return await answer_task(asker.client, task, judge)

    def make_rows(outcome: Outcome[Parent]) -> Iterator[dict[str, Any]]:
        parent = outcome.task.context
        for person in (outcome.values or {})[PEOPLE]:
            yield {
                **{name: value for name, value in person.items() if name != "relation"},
                "relationship": person["relation"],
                "parent_id": parent.persona_id,
                "root_id": parent.root_id,
                "round": number,
                "is_new": False,
                "license": parent.license,
                "response_keys": list(outcome.keys),
            }

    outcomes = run_tasks(_plan(asker, frontier, settings), work, asker.window)
    async for batch in collect_batches(outcomes, make_rows, _SCHEMA):
        yield hide_forgotten(batch)


def _plan(asker: Asker[PromptFile], frontier: pl.DataFrame, settings: ExpansionSettings) -> Iterator[Task[Parent]]:
    number = settings.relatives
    for row in frontier.iter_rows(named=True):
        parent = Parent(**row)
        kinds = draw(f"kinds of {parent.persona_id}", settings.kinds, number) if settings.kinds else []
        values = {"persona": parent.persona, "number": number, "kinds": kinds}
        yield asker.make_task(
            parent.persona_id,
            parent,
            values,
            answer_model=build_answer("ExpansionAnswer", "relatives", Relative, number),
        )


def _judge(asker: Asker[PromptFile], parent: Parent, values: Values, forgotten: Tombstones) -> Verdict:
    language = know_language(parent.language)
    return judge_items(
        [Item(person["relationship"].strip(), person["persona"]) for person in values["relatives"]],
        parent.persona_id,
        language,
        lambda persona: doubt_relative(persona, parent.persona, asker.checks, language),
        asker.checks,
        forgotten,
    )
