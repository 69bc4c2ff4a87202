"""Text-to-Persona: who is likely to read, write, like or dislike a text (Persona Hub, section 2.1)."""

import re
from collections.abc import AsyncIterator
from typing import Any

import polars as pl

from persona_assets.accounting import Accounting
from persona_assets.corpus.language import detect_language
from persona_assets.corpus.tombstones import Tombstones
from persona_assets.dedup.text import normalise
from persona_assets.llm.agreement import Compare
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
from persona_assets.personas.callings import is_called_a_thing
from persona_assets.personas.forgotten import SAID_AGAIN, hide_forgotten
from persona_assets.personas.heuristics import find_flaw, find_flaw_against
from persona_assets.personas.persona_prompts import SeedPrompt
from persona_assets.personas.seed_reading import PhraseReader, SentenceReader, SketchReader
from persona_assets.personas.seed_tasks import SeedContext, plan_seed_tasks
from persona_assets.personas.sketches import choose_sketches
from persona_assets.personas.vocabulary import find_unknown_word
from persona_assets.records import QUARANTINE_COLUMNS, SeedPersonas, content_id, polars_schema
from persona_assets.settings import SeedSettings
from persona_assets.tables import Batch

_SCHEMA = polars_schema(SeedPersonas)
_BEGINS_AS_ASKED = re.compile(r"an?\b", re.IGNORECASE)


async def make_seed_personas(
    asker: Asker[SeedPrompt],
    documents: pl.LazyFrame,
    settings: SeedSettings,
    compare: Compare,
    forgotten: Tombstones | None = None,
) -> AsyncIterator[Batch]:
    """Ask a shard's documents for their personas.

    The relations are drawn by the document's id, so that a document that is added changes no other one's question.

    Args:
        asker: model and prompt file.
        documents: rows of web_text.
        settings: granularity, relations, personas a document, lengths.
        compare: among several candidates, a specific one that is near to the document and the others is kept.
        forgotten: personas that must not come back when the model says them again.

    Yields:
        Batches of seed_personas.
    """
    forgotten = forgotten or Tombstones()
    asker, reader = _choose_reader(asker, settings, compare)
    demonstrations = asker.prompt.demonstration_texts()

    def identify(context: SeedContext, persona: str) -> str:
        return identify_persona(persona, context.doc_id, context.relation, context.sample)

    def judge(context: SeedContext, values: Values) -> Verdict:
        persona = reader.read(context, values)
        if isinstance(persona, Rejected):
            return persona
        if forgotten.cover_persona(persona, identify(context, persona)):
            return SAID_AGAIN
        flaw = find_flaw(persona, settings.min_words, settings.max_words, demonstrations) or find_flaw_against(
            persona, context.text, context.language
        )
        if asker.is_small:
            flaw = flaw or _find_flaw_of_small_model(persona, context)
        return Rejected(flaw, persona) if flaw else Accepted({**values, "persona": persona})

    async def work(task: Task[SeedContext]) -> Outcome[SeedContext]:
        prepared = await reader.prepare(task)
        if prepared is None:
            return Outcome(task, refused="no_phrases")
        outcome = await answer_task(asker.client, prepared, judge, reader.score)
        reader.forget(task.context)
        return outcome

    def make_row(outcome: Outcome[SeedContext]) -> dict[str, Any]:
        context, persona = outcome.task.context, (outcome.values or {})["persona"]
        return {
            "persona_id": identify(context, persona),
            "persona": persona,
            "language": detect_language(persona),
            "doc_id": context.doc_id,
            "relation": context.relation,
            "granularity": settings.granularity,
            "license": context.license,
            "response_keys": list(outcome.keys),
        }

    tasks = plan_seed_tasks(asker, documents, settings, reader.answer_model)
    outcomes = run_tasks(tasks, work, asker.window)
    async for batch in collect_batches(outcomes, make_row, _SCHEMA):
        yield hide_forgotten(batch)


def _choose_reader(
    asker: Asker[SeedPrompt], settings: SeedSettings, compare: Compare
) -> tuple[Asker[SeedPrompt], SentenceReader | SketchReader]:
    sketch, kind = asker.prompt.content.sketch, choose_sketches(asker.client.settings, settings)
    if sketch is None or kind == "never":
        return asker, SentenceReader(compare)
    asker = asker.with_content(asker.prompt.content.ask_for(sketch))
    return asker, (PhraseReader if kind == "phrases" else SketchReader)(compare, sketch)


def _find_flaw_of_small_model(persona: str, context: SeedContext) -> str | None:
    # What it begins otherwise than it is asked to is a headline, as "The latest news" is.
    if is_called_a_thing(persona) or not _BEGINS_AS_ASKED.match(persona):
        return "no_person"
    return "unknown_word" if find_unknown_word(persona, context.text if context.language == "en" else "") else None


def take_personas(persona_rows: pl.DataFrame) -> Batch:
    """Make seed personas of a persona file's rows, without a model.

    Args:
        persona_rows: columns persona and license, in the file's order.

    Returns:
        A batch; a persona that occurs several times, in whatever spelling, gets as many ids.
    """
    # Counted by what the id is made of, or two spellings of one persona would share an id.
    normalised = pl.col("persona").map_elements(normalise, return_dtype=pl.String)
    numbered = persona_rows.with_columns(occurrence=pl.int_range(pl.len()).over(normalised))
    rows = numbered.select(
        persona_id=pl.struct("persona", "occurrence").map_elements(
            lambda row: identify_persona(row["persona"], None, None, row["occurrence"]), return_dtype=pl.String
        ),
        persona="persona",
        language=pl.col("persona").map_elements(detect_language, return_dtype=pl.String),
        doc_id=pl.lit(None, pl.String),
        relation=pl.lit(None, pl.String),
        granularity=pl.lit(None, pl.String),
        license="license",
        response_keys=pl.lit([], pl.List(pl.String)),
    )
    empty = pl.DataFrame(schema=QUARANTINE_COLUMNS)
    return Batch(rows, empty, Accounting.of_rows(rows.height, rows.height, {}, {}))


def identify_persona(persona: str, origin_id: str | None, relation: str | None, sample: int) -> str:
    """The id of a persona: its normalised text, where it comes from, how, and which draw."""
    return content_id("per", normalise(persona), origin_id, relation, sample)
