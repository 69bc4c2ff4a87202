"""What is asked of which document for its personas."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
from pydantic import BaseModel

from persona_assets.lake import iter_frames
from persona_assets.llm.asker import Asker
from persona_assets.llm.tasks import Task
from persona_assets.personas.draws import draw
from persona_assets.personas.persona_prompts import SeedPrompt
from persona_assets.settings import Relation, SeedSettings


@dataclass(frozen=True, slots=True)
class SeedContext:
    """The document a persona is asked of, and how."""

    doc_id: str
    text: str
    language: str
    license: str
    relation: Relation
    sample: int


def plan_seed_tasks(
    asker: Asker[SeedPrompt], documents: pl.LazyFrame, settings: SeedSettings, answer_model: type[BaseModel] | None
) -> Iterator[Task[SeedContext]]:
    """Plan what is asked of a shard's documents.

    The relations are drawn by the document's id, so that a document that is added changes no other one's question.

    Args:
        asker: model and prompt file.
        documents: rows of web_text.
        settings: granularity, relations, personas a document.
        answer_model: fields of a JSON answer; None where a sentence is asked for.

    Yields:
        A task for each persona.
    """
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
                yield asker.make_task(row["doc_id"], context, values, sample, answer_model=answer_model)


def count_seed_tasks(documents: int, settings: SeedSettings, limit: int | None) -> int:
    """Count the personas that will be asked for.

    Args:
        documents: rows of web_text.
        settings: personas a document.
        limit: documents asked about at most; None for all.

    Returns:
        The number of tasks that `plan_seed_tasks` plans.
    """
    return (documents if limit is None else min(documents, limit)) * settings.per_document
