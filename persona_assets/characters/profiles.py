"""Character profiles: a persona made a character of eight attributes (OpenCharacter, section 3.1)."""

import hashlib
import re
import string
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, field_validator

from persona_assets.characters.contradictions import find_contradiction, read_gender
from persona_assets.lake import Batch, iter_frames
from persona_assets.llm.answers import copies_any, find_borrowed, speaks_as_model
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
from persona_assets.personas.heuristics import contains_contact
from persona_assets.prompts import PromptFile
from persona_assets.records import CharacterProfiles, content_id, polars_schema
from persona_assets.settings import CharacterSettings

ATTRIBUTES = ("name", "age", "gender", "race", "birthplace", "appearance", "experience", "personality")

_SCHEMA = polars_schema(CharacterProfiles)
_PERSONA_RUN = 8
_CODE_MARK = re.compile(r"[{}<>|\\]|https?:", re.IGNORECASE)
_LEAST_LETTERS = 0.8
# Rare as the first letter of a given name in most languages; asking for them makes models invent.
_INITIALS = [letter for letter in string.ascii_uppercase if letter not in "QUXYZ"]


class Profile(BaseModel):
    """The eight attributes, as the model is asked for them."""

    model_config = ConfigDict(str_strip_whitespace=True)

    name: str = Field(min_length=3, max_length=60)
    age: int = Field(ge=4, le=100)
    gender: Literal["female", "male", "non-binary"]
    race: str = Field(min_length=3, max_length=60)
    birthplace: str = Field(min_length=3, max_length=80)
    appearance: str = Field(min_length=20, max_length=160)
    experience: str = Field(min_length=40, max_length=300)
    personality: str = Field(min_length=20, max_length=160)

    @field_validator("gender", mode="before")
    @classmethod
    def _read_gender(cls, word: object) -> object:
        return read_gender(word) or word.strip().casefold() if isinstance(word, str) else word


@dataclass(frozen=True, slots=True)
class PersonaContext:
    """The persona that becomes a character."""

    persona_id: str
    persona: str


async def make_profiles(
    asker: Asker[PromptFile], personas: pl.LazyFrame, settings: CharacterSettings
) -> AsyncIterator[Batch]:
    """Ask for a profile of each persona of the shard's hub.

    Args:
        asker: model and prompt file.
        personas: rows of persona_hub.
        settings: how many characters at most; the limit of `[tasks.character_profiles]` counts as well.

    Yields:
        Batches of character_profiles.
    """
    limits = [limit for limit in (settings.limit, asker.settings.limit) if limit is not None]
    limited = personas.head(min(limits)) if limits else personas
    demonstrations = asker.prompt.demonstration_texts()

    def judge(context: PersonaContext, values: Values) -> Verdict:
        return judge_profile(context, values, demonstrations)

    async def work(task: Task[PersonaContext]) -> Outcome[PersonaContext]:
        return await answer_task(asker.client, task, judge)

    async for batch in collect_batches(run_tasks(_plan(asker, limited), work, asker.window), _make_row, _SCHEMA):
        yield batch


def judge_profile(context: PersonaContext, values: Values, demonstrations: Sequence[str] = ()) -> Verdict:
    """Refuse a profile that contradicts its persona or itself, or whose attributes are no text of their own.

    Args:
        context: the persona.
        values: the eight attributes.
        demonstrations: texts of the prompt; the fewer of their phrases a profile borrows, the better it scores.
    """
    texts = [str(values[name]) for name in ("appearance", "experience", "personality")]
    contradiction = find_contradiction(context.persona, values)
    flaws = {
        "no_text": any(not _is_text(text) for text in texts),
        "contact_data": any(contains_contact(text) for text in texts),
        "speaks_as_model": any(speaks_as_model(text) for text in texts),
        "repeated_attribute": len({text.casefold() for text in texts}) < len(texts),
        "copies_persona": any(copies_any(text, [context.persona], words=_PERSONA_RUN) for text in texts),
        "no_name": any(mark in str(values["name"]) for mark in "<>[]{}_/:"),
        "contradiction": contradiction is not None,
    }
    flaw = next((name for name, is_found in flaws.items() if is_found), None)
    if flaw:
        detail = contradiction if flaw == "contradiction" else None
        return Rejected(flaw, detail or str(values["name"]))
    words = " ".join(texts).casefold().split()
    borrowed = sum(len(find_borrowed(text, demonstrations)) for text in texts)
    score = len(set(words)) / (len(words) + 20) - borrowed / 10
    return Accepted({name: _clean(values[name]) for name in ATTRIBUTES}, score)


def draw_initials(persona_id: str) -> str:
    """Draw the initials of a character's name by its persona, so that names do not collapse into a few."""
    digest = hashlib.sha256(persona_id.encode()).digest()
    return f"{_INITIALS[digest[0] % len(_INITIALS)]}.{_INITIALS[digest[1] % len(_INITIALS)]}."


def _plan(asker: Asker[PromptFile], personas: pl.LazyFrame) -> Iterator[Task[PersonaContext]]:
    for frame in iter_frames(personas.select("persona_id", "persona")):
        for row in frame.iter_rows(named=True):
            values = {"persona": row["persona"], "initials": draw_initials(row["persona_id"])}
            yield asker.make_task(row["persona_id"], PersonaContext(**row), values, answer_model=Profile)


def _make_row(outcome: Outcome[PersonaContext]) -> dict[str, Any]:
    values, context = dict(outcome.values or {}), outcome.task.context
    return {
        "character_id": content_id("chr", context.persona_id, *(values[name] for name in ATTRIBUTES)),
        "persona_id": context.persona_id,
        "persona": context.persona,
        **values,
        "response_keys": list(outcome.keys),
    }


def _is_text(text: str) -> bool:
    signs = "".join(text.split())
    return not _CODE_MARK.search(text) and sum(map(str.isalpha, signs)) >= _LEAST_LETTERS * len(signs)


def _clean(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else value
