"""Text-to-Persona: who is likely to read, write, like or dislike a text (Persona Hub, section 2.1)."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from pydantic import BaseModel, Field

from persona_assets.corpus.tombstones import Tombstones
from persona_assets.lake import iter_frames
from persona_assets.llm.asker import Asker
from persona_assets.llm.tasks import Outcome, Task, Values, Verdict, answer_task, collect_batches, run_tasks
from persona_assets.personas.draws import draw, draw_rows
from persona_assets.personas.items import PEOPLE, Item, build_answer, hide_forgotten, judge_items, know_language
from persona_assets.personas.persona_checks import doubt_seed
from persona_assets.personas.persona_prompts import SeedPrompt, name_language
from persona_assets.records import SeedPersonas, polars_schema
from persona_assets.settings import SeedSettings
from persona_assets.tables import Batch

SAME_LANGUAGE = "same"
_SCHEMA = polars_schema(SeedPersonas)


class SeedPerson(BaseModel):
    """One person of an answer."""

    relation: str = Field("", description="The one of the relations asked for that this person is an answer to.")
    persona: str = Field(description="The description of the person, and nothing else.")


@dataclass(frozen=True, slots=True)
class SeedContext:
    """The document that people are asked of. `language`: expected, as an ISO 639-1 code; None: any."""

    doc_id: str
    text: str
    license: str
    relations: Sequence[str]
    language: str | None


async def make_seed_personas(
    asker: Asker[SeedPrompt], documents: pl.LazyFrame, settings: SeedSettings, forgotten: Tombstones | None = None
) -> AsyncIterator[Batch]:
    """Ask a shard's documents for their personas, all of one document in one call.

    Args:
        forgotten: personas that must not come back when the model says them again.
    """
    covered = forgotten or Tombstones()

    def judge(context: SeedContext, values: Values) -> Verdict:
        return _judge(asker, context, values, covered)

    async def work(task: Task[SeedContext]) -> Outcome[SeedContext]:
        return await answer_task(asker.client, task, judge)

    def make_rows(outcome: Outcome[SeedContext]) -> Iterator[dict[str, Any]]:
        context = outcome.task.context
        for person in (outcome.values or {})[PEOPLE]:
            yield {
                **person,
                "doc_id": context.doc_id,
                "granularity": settings.granularity,
                "license": context.license,
                "response_keys": list(outcome.keys),
            }

    outcomes = run_tasks(_plan(asker, documents, settings), work, asker.window)
    async for batch in collect_batches(outcomes, make_rows, _SCHEMA):
        yield hide_forgotten(batch)


async def infer_persona(asker: Asker[SeedPrompt], text: str, relation: str = "write") -> str | None:
    """Infer one persona, in the text's language, from a text outside the corpus; None if none passes unflagged."""
    settings = SeedSettings(relations=(relation,), language=SAME_LANGUAGE)
    context = SeedContext(asker.task, text, "", (relation,), None)
    outcome = await answer_task(
        asker.client,
        _make_task(asker, context, settings),
        lambda context, values: _judge(asker, context, values, Tombstones()),
    )
    people = (outcome.values or {}).get(PEOPLE, ())
    return next((person["persona"] for person in people if not person["flags"]), None)


def _plan(asker: Asker[SeedPrompt], documents: pl.LazyFrame, settings: SeedSettings) -> Iterator[Task[SeedContext]]:
    limited = draw_rows(documents, asker.settings.limit, "doc_id", asker.task)
    for frame in iter_frames(limited.select("doc_id", "text", "license", "language")):
        for doc_id, text, license_, language in frame.iter_rows():
            # Drawn by the id, so that a document that is added changes no other one's question.
            relations = draw(doc_id, settings.relations, settings.per_document)
            expected = language if settings.language == SAME_LANGUAGE else settings.language
            context = SeedContext(doc_id, text, license_, relations, know_language(expected))
            yield _make_task(asker, context, settings)


def _make_task(asker: Asker[SeedPrompt], context: SeedContext, settings: SeedSettings) -> Task[SeedContext]:
    values: Mapping[str, Any] = {
        "text": context.text,
        "number": len(context.relations),
        "relations": context.relations,
        "style": asker.prompt.content.granularity[settings.granularity],
        "language": "" if settings.language == SAME_LANGUAGE else name_language(settings.language),
    }
    return asker.make_task(
        context.doc_id,
        context,
        values,
        answer_model=build_answer("SeedAnswer", "personas", SeedPerson, len(context.relations)),
    )


def _judge(asker: Asker[SeedPrompt], context: SeedContext, values: Values, forgotten: Tombstones) -> Verdict:
    items = [
        Item(_read_relation(person["relation"], place, context.relations), person["persona"])
        for place, person in enumerate(values["personas"])
    ]
    return judge_items(
        items,
        context.doc_id,
        context.language,
        lambda persona: doubt_seed(persona, context.text, asker.checks, context.language),
        asker.checks,
        forgotten,
    )


def _read_relation(said: str, place: int, asked: Sequence[str]) -> str:
    named = said.strip().casefold()
    return next((relation for relation in asked if relation.casefold() == named), asked[place % len(asked)])
