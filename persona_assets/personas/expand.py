"""Persona-to-Persona: relationship expansion in up to six rounds (Persona Hub, section 2.2).

Each round asks the personas that the last one added for somebody in close relationship with them. What is
new is decided by the hub's own rule against everything the shard has so far, so a persona that only says
the same again is kept as a row, for the record, but is not expanded.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from persona_assets.corpus.language import detect_language
from persona_assets.corpus.tombstones import Tombstones
from persona_assets.llm.agreement import Compare, score_agreement
from persona_assets.llm.answers import copies_any, shares_run
from persona_assets.llm.asker import Asker
from persona_assets.llm.tasks import (
    Accepted,
    Outcome,
    Rejected,
    Task,
    Values,
    Verdict,
    answer_task,
    collect_batches,
    run_tasks,
)
from persona_assets.personas.callings import read_calling
from persona_assets.personas.choice import score_personas
from persona_assets.personas.draws import draw
from persona_assets.personas.forgotten import SAID_AGAIN, hide_forgotten
from persona_assets.personas.heuristics import clean_persona, count_words, find_flaw
from persona_assets.personas.persona_prompts import ExpansionPrompt
from persona_assets.personas.seed import identify_persona
from persona_assets.personas.vocabulary import find_unknown_word
from persona_assets.records import ExpandedPersonas, polars_schema
from persona_assets.settings import ExpansionSettings, SeedSettings
from persona_assets.tables import Batch

FindNew = Callable[[pl.DataFrame], pl.Series]
"""Decides for a frame of persona_id and persona which rows are new, and remembers them."""

_SCHEMA = polars_schema(ExpandedPersonas)
# People who share a part of their lives: nearer is the same person again, farther has nothing to do with the parent.
_RELATED = 0.4
_FRONTIER = ["persona_id", "persona", "root_id", "license"]


@dataclass(frozen=True, slots=True)
class Parent:
    """The persona that is asked about, and for whom.

    Attributes:
        opening: how the related persona begins; None leaves it to the model.
    """

    persona_id: str
    persona: str
    root_id: str
    license: str
    relationship: str
    question: str
    opening: str | None
    sample: int


@dataclass(frozen=True, slots=True)
class RoundReport:
    """What one round did.

    Attributes:
        round: its number, from 1.
        asked: personas asked for.
        made: rows made.
        new: rows that the hub's rule keeps against all earlier ones of the shard.
    """

    round: int
    asked: int
    made: int
    new: int


async def expand_personas(
    asker: Asker[ExpansionPrompt],
    seeds: pl.DataFrame,
    settings: ExpansionSettings,
    lengths: SeedSettings,
    find_new: FindNew,
    compare: Compare,
    reports: list[RoundReport],
    forgotten: Tombstones | None = None,
) -> AsyncIterator[Batch]:
    """Expand a shard's seed personas round by round.

    Args:
        asker: model and prompt file.
        seeds: rows of seed_personas.
        settings: rounds, children, the largest frontier, when to stop.
        lengths: words a persona may have.
        find_new: the hub's rule over the shard; it is given the seeds first.
        compare: among several candidates, a specific one that is related to the parent but not alike is kept.
        reports: receives a report after each round.
        forgotten: personas that must not come back when the model says them again.

    Yields:
        Batches of expanded_personas, round after round.
    """
    frontier = seeds.select("persona_id", "persona", root_id="persona_id", license="license")
    frontier = frontier.filter(find_new(frontier))
    for number in range(1, settings.rounds + 1):
        frontier = frontier.head(settings.max_frontier)
        if frontier.is_empty():
            return
        made: list[pl.DataFrame] = []
        async for batch in _run_round(
            _choose_openings(asker, settings),
            frontier,
            settings.children,
            number,
            lengths,
            compare,
            forgotten or Tombstones(),
        ):
            is_new = find_new(batch.rows)
            rows = batch.rows.with_columns(is_new.alias("is_new"))
            made.append(rows)
            yield Batch(rows, batch.quarantined, batch.accounting)
        rows = pl.concat(made) if made else pl.DataFrame(schema=_SCHEMA)
        report = RoundReport(number, frontier.height * settings.children, rows.height, int(rows["is_new"].sum()))
        reports.append(report)
        if report.made and report.new / report.made < settings.min_new_share:
            return
        frontier = rows.filter("is_new").select(_FRONTIER)


async def _run_round(
    asker: Asker[ExpansionPrompt],
    frontier: pl.DataFrame,
    children: int,
    number: int,
    lengths: SeedSettings,
    compare: Compare,
    forgotten: Tombstones,
) -> AsyncIterator[Batch]:
    demonstrations = [*asker.prompt.demonstration_texts(), *_list_demonstrated(asker)]

    def identify(parent: Parent, persona: str) -> str:
        return identify_persona(persona, parent.persona_id, parent.relationship, parent.sample)

    def judge(parent: Parent, values: Values) -> Verdict:
        persona = _begin(clean_persona(values["text"]), parent.opening, asker.continues_answers)
        if forgotten.cover_persona(persona, identify(parent, persona)):
            return SAID_AGAIN
        flaw = find_flaw(persona, lengths.min_words, lengths.max_words, demonstrations) or _find_flaw(persona, parent)
        if not flaw and asker.is_small and find_unknown_word(persona, f"{parent.persona} {parent.opening or ''}"):
            flaw = "unknown_word"
        return Rejected(flaw, persona) if flaw else Accepted({"persona": persona})

    async def score(parent: Parent, candidates: Sequence[Values]) -> Sequence[float]:
        personas = [str(values["persona"]) for values in candidates]
        if parent.opening:
            # What is left to choose is how a sentence ends, and the more a small model adds, the less sense it makes.
            return await score_agreement(compare, personas)
        return await score_personas(compare, parent.persona, personas, lambda near: 1 - abs(near - _RELATED))

    async def work(task: Task[Parent]) -> Outcome[Parent]:
        return await answer_task(asker.client, task, judge, score)

    def make_row(outcome: Outcome[Parent]) -> dict[str, Any]:
        parent, persona = outcome.task.context, (outcome.values or {})["persona"]
        return {
            "persona_id": identify(parent, persona),
            "persona": persona,
            "language": detect_language(persona),
            "parent_id": parent.persona_id,
            "root_id": parent.root_id,
            "relationship": parent.relationship,
            "round": number,
            "is_new": False,
            "license": parent.license,
            "response_keys": list(outcome.keys),
        }

    outcomes = run_tasks(_plan(asker, frontier, children), work, asker.window)
    async for batch in collect_batches(outcomes, make_row, _SCHEMA):
        yield hide_forgotten(batch)


def _plan(asker: Asker[ExpansionPrompt], frontier: pl.DataFrame, children: int) -> Iterator[Task[Parent]]:
    relationships = asker.prompt.content.relationships
    for row in frontier.iter_rows(named=True):
        names = draw(row["persona_id"], asker.prompt.content.list_relationships(row["persona"]), children)
        for sample, name in enumerate(names):
            question = relationships[name].question
            opening = asker.prompt.content.draw_opening(name, row["persona_id"], read_calling(row["persona"]))
            parent = Parent(**row, relationship=name, question=question, opening=opening, sample=sample)
            values = {"persona": row["persona"], "question": question, "opening": opening}
            yield asker.make_task(row["persona_id"], parent, values, sample, begins=opening)


def _choose_openings(asker: Asker[ExpansionPrompt], settings: ExpansionSettings) -> Asker[ExpansionPrompt]:
    if settings.openings == "always" or (settings.openings == "auto" and asker.is_small):
        return asker
    return asker.with_content(asker.prompt.content.without_openings())


def _list_demonstrated(asker: Asker[ExpansionPrompt]) -> list[str]:
    return [str(one.values.get("persona", "")) for one in asker.prompt.content.demonstrations]


def _begin(persona: str, opening: str | None, was_begun: bool) -> str:
    """Put the opening before an answer that only goes on with the sentence."""
    if not opening or persona.casefold().startswith(opening.casefold()):
        return persona
    return f"{opening} {persona}" if was_begun or persona[:1].islower() else persona


def _find_flaw(persona: str, parent: Parent) -> str | None:
    if copies_any(persona, [parent.persona], words=6):
        return "copies_parent"
    if shares_run(persona, parent.question, 4):
        return "echoes_question"
    if parent.opening is None:
        return None
    if not persona.casefold().startswith(parent.opening.casefold()):
        return "ignores_opening"
    ending = persona[len(parent.opening) :]
    if shares_run(ending, parent.opening, 3):
        return "repetition"
    return None if count_words(ending) else "unfinished"
