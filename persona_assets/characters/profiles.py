"""Character profiles: a persona made a character of eight attributes (OpenCharacter, section 3.1)."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from persona_assets.characters.suggestions import ProfilePrompt, suggest
from persona_assets.corpus.language import UNKNOWN
from persona_assets.lake import iter_frames
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
from persona_assets.personas.draws import draw_rows
from persona_assets.personas.persona_checks import find_no_person
from persona_assets.personas.text_checks import doubt_text, doubt_voice
from persona_assets.records import CharacterProfiles, content_id, polars_schema
from persona_assets.row_checks import Doubt, RowChecks
from persona_assets.settings import CharacterSettings
from persona_assets.tables import Batch

ATTRIBUTES = ("name", "age", "gender", "race", "birthplace", "appearance", "experience", "personality")

_SCHEMA = polars_schema(CharacterProfiles)
_TEXTS = ("appearance", "experience", "personality")
OLDEST = 120
"""Years of the oldest character."""


class Profile(BaseModel):
    """The eight attributes, as the model is asked for them."""

    model_config = ConfigDict(str_strip_whitespace=True)

    name: str = Field(min_length=1, max_length=120, description="Full name.")
    age: int = Field(ge=1, le=OLDEST, description="In years.")
    gender: str = Field(min_length=1, max_length=60)
    race: str = Field(min_length=1, max_length=120, description="Ethnic background.")
    birthplace: str = Field(min_length=1, max_length=160, description="Town or region, and country.")
    appearance: str = Field(min_length=10, max_length=1_500, description="What one notices on meeting this person.")
    experience: str = Field(min_length=10, max_length=3_000, description="This life so far, with its turning points.")
    personality: str = Field(min_length=10, max_length=1_500, description="Temper, habits, humour, speech, fears.")


@dataclass(frozen=True, slots=True)
class PersonaContext:
    """The persona that becomes a character. `language`: of the text and the profile; None where it is not known."""

    persona_id: str
    persona: str
    language: str | None = None


async def make_profiles(
    asker: Asker[ProfilePrompt], personas: pl.LazyFrame, settings: CharacterSettings
) -> AsyncIterator[Batch]:
    """Ask for a profile of each persona of the shard's hub.

    Args:
        settings: how many characters at most; the limit of `[tasks.character_profiles]` counts as well.
    """
    limits = [limit for limit in (settings.limit, asker.settings.limit) if limit is not None]
    drawn = draw_rows(personas, min(limits, default=None), "persona_id", asker.task)
    tasks = _plan(asker, drawn)

    async def work(task: Task[PersonaContext]) -> Outcome[PersonaContext]:
        return await answer_task(asker.client, task, partial(judge_profile, asker.checks))

    async for batch in collect_batches(run_tasks(tasks, work, asker.window), _make_rows, _SCHEMA):
        yield batch


def _plan(asker: Asker[ProfilePrompt], personas: pl.LazyFrame) -> Iterator[Task[PersonaContext]]:
    suggestions = asker.prompt.content.suggestions
    for frame in iter_frames(personas.select("persona_id", "persona", "language")):
        for persona_id, persona, language in frame.iter_rows():
            context = PersonaContext(persona_id, persona, None if language == UNKNOWN else language)
            values = {"persona": persona, "suggested": suggest(persona_id, suggestions)}
            yield asker.make_task(persona_id, context, values, answer_model=Profile)


def judge_profile(checks: RowChecks, context: PersonaContext, values: Values) -> Verdict:
    """Judge the eight attributes of a character."""
    flags = checks.settle(_doubt(checks, context, values))
    if isinstance(flags, Rejected):
        return flags
    return Accepted({**{name: _collapse(values[name]) for name in ATTRIBUTES}, "flags": flags})


def _doubt(checks: RowChecks, context: PersonaContext, values: Values) -> Iterator[Doubt]:
    if found := find_no_person(str(values["name"])):
        yield Doubt("no_person", found)
    for name in _TEXTS:
        yield from doubt_text(str(values[name]), checks, [context.persona], context.language)
        yield from doubt_voice(str(values[name]))


def _make_rows(outcome: Outcome[PersonaContext]) -> Iterator[dict[str, Any]]:
    values, context = dict(outcome.values or {}), outcome.task.context
    yield {
        "character_id": content_id("chr", context.persona_id, *(values[name] for name in ATTRIBUTES)),
        "persona_id": context.persona_id,
        "persona": context.persona,
        **values,
        "response_keys": list(outcome.keys),
    }


def _collapse(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else value
