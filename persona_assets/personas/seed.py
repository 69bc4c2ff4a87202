"""Text-to-Persona: who is likely to read, write, like or dislike a text (Persona Hub, section 2.1)."""

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from pydantic import BaseModel

from persona_assets.accounting import Accounting
from persona_assets.corpus.language import detect_language
from persona_assets.dedup.text import normalise
from persona_assets.lake import iter_frames
from persona_assets.llm.agreement import Compare, score_agreement
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
from persona_assets.personas.callings import is_called_a_thing, names_a_person
from persona_assets.personas.choice import score_personas
from persona_assets.personas.draws import draw
from persona_assets.personas.heuristics import clean_persona, find_flaw, find_flaw_against
from persona_assets.personas.persona_prompts import SeedPrompt
from persona_assets.personas.sketches import SketchedPersona, asks_for_sketches
from persona_assets.personas.vocabulary import find_unknown_word
from persona_assets.records import QUARANTINE_COLUMNS, SeedPersonas, content_id, polars_schema
from persona_assets.settings import Relation, SeedSettings
from persona_assets.tables import Batch

_SCHEMA = polars_schema(SeedPersonas)
# Beyond it a persona is no nearer to its document but more of a copy.
_NEAR_ENOUGH = 0.6
_BEGINS_AS_ASKED = re.compile(r"an?\b", re.IGNORECASE)
_ENOUGH_DRAWS = 4
_LEAST_AGREEMENT = 0.5
"""Mean cosine with what the other draws name, below which the model has not understood the document."""


@dataclass(frozen=True, slots=True)
class SeedContext:
    """The document a persona is asked of, and how."""

    doc_id: str
    text: str
    language: str
    license: str
    relation: Relation
    sample: int


async def make_seed_personas(
    asker: Asker[SeedPrompt], documents: pl.LazyFrame, settings: SeedSettings, compare: Compare
) -> AsyncIterator[Batch]:
    """Ask a shard's documents for their personas.

    The relations are drawn by the document's id, so that a document that is added changes no other one's question.

    Args:
        asker: model and prompt file.
        documents: rows of web_text.
        settings: granularity, relations, personas a document, lengths.
        compare: among several candidates, a specific one that is near to the document and the others is kept.

    Yields:
        Batches of seed_personas.
    """
    sketch = asker.prompt.content.sketch if asks_for_sketches(asker.client.settings, settings) else None
    asker = asker.with_content(asker.prompt.content.ask_for(sketch)) if sketch else asker
    demonstrations = asker.prompt.demonstration_texts()
    # What is refused tells as well whether the model has understood the document.
    drawn: defaultdict[SeedContext, list[Values]] = defaultdict(list)

    def judge(context: SeedContext, values: Values) -> Verdict:
        if sketch and sketch.is_shown(values["matter"], context.text):
            return Rejected("copies_demonstration", values["matter"])
        drawn[context].append(values)
        if sketch and not names_a_person(values["who"]):
            return Rejected("no_person", f"{values['who']}: {values['matter']}")
        row_id = f"{context.doc_id} {context.sample}"
        persona = (
            sketch.frame_persona(values["who"], values["matter"], context.relation, row_id)
            if sketch
            else clean_persona(values["text"])
        )
        flaw = find_flaw(persona, settings.min_words, settings.max_words, demonstrations) or find_flaw_against(
            persona, context.text, context.language
        )
        if asker.is_small:
            flaw = flaw or _find_flaw_of_small_model(persona, context)
        said = values if sketch else {}
        return Rejected(flaw, persona) if flaw else Accepted({"persona": persona, **said})

    async def score(context: SeedContext, candidates: Sequence[Values]) -> Sequence[float]:
        if sketch:
            on_matter, on_person = [
                await _rate_said(compare, field, drawn[context], candidates) for field in ("matter", "who")
            ]
            return [(3 * matter + person) / 4 for matter, person in zip(on_matter, on_person, strict=True)]
        personas = [str(values["persona"]) for values in candidates]
        return await score_personas(compare, context.text, personas, lambda near: min(near, _NEAR_ENOUGH))

    async def work(task: Task[SeedContext]) -> Outcome[SeedContext]:
        if sketch and task.candidates >= _ENOUGH_DRAWS and task.min_score is None:
            task = replace(task, min_score=_LEAST_AGREEMENT, low_score="no_agreement")
        outcome = await answer_task(asker.client, task, judge, score)
        drawn.pop(task.context, None)
        return outcome

    def make_row(outcome: Outcome[SeedContext]) -> dict[str, Any]:
        context, persona = outcome.task.context, (outcome.values or {})["persona"]
        return {
            "persona_id": identify_persona(persona, context.doc_id, context.relation, context.sample),
            "persona": persona,
            "language": detect_language(persona),
            "doc_id": context.doc_id,
            "relation": context.relation,
            "granularity": settings.granularity,
            "license": context.license,
            "response_keys": list(outcome.keys),
        }

    model = SketchedPersona if sketch else None
    outcomes = run_tasks(_plan(asker, documents, settings, model), work, asker.window)
    async for batch in collect_batches(outcomes, make_row, _SCHEMA):
        yield batch


def _find_flaw_of_small_model(persona: str, context: SeedContext) -> str | None:
    # What it begins otherwise than it is asked to is a headline, as "The latest news" is.
    if is_called_a_thing(persona) or not _BEGINS_AS_ASKED.match(persona):
        return "no_person"
    return "unknown_word" if find_unknown_word(persona, context.text if context.language == "en" else "") else None


async def _rate_said(
    compare: Compare, field: str, drawn: Sequence[Values], candidates: Sequence[Values]
) -> list[float]:
    """Rate what some candidates say in a field by how far all draws say the same, in whatever order these came."""
    texts = sorted(str(values[field]) for values in drawn)
    rated = dict(zip(texts, await score_agreement(compare, texts), strict=True))
    return [rated[str(values[field])] for values in candidates]


def count_seed_tasks(documents: int, settings: SeedSettings, limit: int | None) -> int:
    """Count the personas that will be asked for.

    Args:
        documents: rows of web_text.
        settings: personas a document.
        limit: documents asked about at most; None for all.

    Returns:
        The number of tasks that `make_seed_personas` plans.
    """
    return (documents if limit is None else min(documents, limit)) * settings.per_document


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


def _plan(
    asker: Asker[SeedPrompt], documents: pl.LazyFrame, settings: SeedSettings, model: type[BaseModel] | None
) -> Iterator[Task[SeedContext]]:
    content = asker.prompt.content
    limited = documents if asker.settings.limit is None else documents.head(asker.settings.limit)
    for frame in iter_frames(limited.select("doc_id", "text", "language", "license")):
        for row in frame.iter_rows(named=True):
            for sample, relation in enumerate(draw(row["doc_id"], settings.relations, settings.per_document)):
                values = {
                    "text": row["text"],
                    "question": content.questions[relation],
                    "style": content.granularity[settings.granularity],
                }
                context = SeedContext(row["doc_id"], row["text"], row["language"], row["license"], relation, sample)
                yield asker.make_task(row["doc_id"], context, values, sample, answer_model=model)
