"""Character profiles: a persona made a character of eight attributes (OpenCharacter, section 3.1)."""

import itertools
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator

from persona_assets.characters.contradictions import OLDEST, find_contradiction, read_gender
from persona_assets.characters.draws import Drawn, draw_character
from persona_assets.characters.profile_prompt import ProfilePrompt
from persona_assets.lake import iter_frames
from persona_assets.llm.answers import copies_any, find_borrowed, shares_run, speaks_as_model
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
from persona_assets.personas.heuristics import contains_contact, mixes_scripts
from persona_assets.records import CharacterProfiles, content_id, polars_schema
from persona_assets.settings import CharacterSettings
from persona_assets.tables import Batch

ATTRIBUTES = ("name", "age", "gender", "race", "birthplace", "appearance", "experience", "personality")

_SCHEMA = polars_schema(CharacterProfiles)
_PERSONA_RUN = 8
_SHARED_RUN = 6
_CODE_MARK = re.compile(r"[{}<>|\\]|https?:", re.IGNORECASE)
_LEAST_LETTERS = 0.8
_INSTITUTION = re.compile(r"\b(university|hospital|compan(y|ies)|factory|academy|club|school|college|office)\b", re.I)
_INITIALS = re.compile(r"^(?:\w\.)+\w?$")
_YEARS_APART = 2
_WORD = re.compile(r"\w+")
_LONG = 5


class Profile(BaseModel):
    """The eight attributes, as the model is asked for them."""

    model_config = ConfigDict(str_strip_whitespace=True)

    name: str = Field(min_length=3, max_length=60)
    age: int = Field(ge=1, le=OLDEST)
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
    """The persona that becomes a character, and what was drawn about it."""

    persona_id: str
    persona: str
    drawn: Drawn


async def make_profiles(
    asker: Asker[ProfilePrompt], personas: pl.LazyFrame, settings: CharacterSettings
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
    with_hints = settings.hints == "always" or (settings.hints == "auto" and asker.is_small)
    if not with_hints:
        asker = asker.with_content(asker.prompt.content.without_hints())
    demonstrations = asker.prompt.demonstration_texts()

    def judge(context: PersonaContext, values: Values) -> Verdict:
        return judge_profile(context, values, demonstrations)

    async def work(task: Task[PersonaContext]) -> Outcome[PersonaContext]:
        return await answer_task(asker.client, task, judge)

    async for batch in collect_batches(
        run_tasks(_plan(asker, limited, with_hints), work, asker.window), _make_row, _SCHEMA
    ):
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
        "mixed_script": any(mixes_scripts(text) for text in (*texts, str(values["name"]))),
        "no_text": any(not _is_text(text) for text in texts),
        "contact_data": any(contains_contact(text) for text in texts),
        "speaks_as_model": any(speaks_as_model(text) for text in texts),
        "repeated_attribute": any(_says_the_same(one, other) for one, other in itertools.combinations(texts, 2)),
        "copies_persona": any(copies_any(text, [context.persona], words=_PERSONA_RUN) for text in texts),
        "no_name": not _is_name(str(values["name"])),
        "no_people": not _is_people(str(values["race"]), str(values["birthplace"])),
        "contradiction": contradiction is not None,
        "no_birthplace": bool(_INSTITUTION.search(str(values["birthplace"]))),
        "ignores_draw": not _keeps_draw(context.drawn, values),
    }
    flaw = next((name for name, is_found in flaws.items() if is_found), None)
    if flaw:
        detail = contradiction if flaw == "contradiction" else None
        return Rejected(flaw, detail or str(values["name"]))
    score = _score_texts(texts, context.drawn) - sum(len(find_borrowed(text, demonstrations)) for text in texts) / 10
    return Accepted({name: _clean(values[name]) for name in ATTRIBUTES}, score)


def _score_texts(texts: Sequence[str], drawn: Drawn) -> float:
    """More for words of its own, or, from a model that needs hints, for the hints in few other words."""
    words = _WORD.findall(" ".join(texts).casefold())
    if not drawn.hints:
        return len(set(words)) / (len(words) + 20)
    wanted = set(_WORD.findall(" ".join(drawn.hints.values()).casefold()))
    long = Counter(word for word in words if len(word) >= _LONG)
    again = sum(count - 1 for count in long.values())
    return len(wanted & set(words)) / len(wanted) - (len(set(words) - wanted) + 2 * again) / 40


def _plan(asker: Asker[ProfilePrompt], personas: pl.LazyFrame, with_hints: bool) -> Iterator[Task[PersonaContext]]:
    for frame in iter_frames(personas.select("persona_id", "persona")):
        for persona_id, persona in frame.iter_rows():
            drawn = draw_character(persona_id, persona, asker.prompt.content, with_hints)
            values = {"persona": persona, **asdict(drawn)}
            context = PersonaContext(persona_id, persona, drawn)
            model = fix_given(drawn) if asker.continues_answers else Profile
            yield asker.make_task(persona_id, context, values, answer_model=model)


def fix_given(drawn: Drawn) -> type[Profile]:
    """The attributes with those that are given as constants, so that a small model finds them written."""
    if drawn.name is None or drawn.birthplace is None or drawn.race is None:
        return Profile
    given = {name: getattr(drawn, name) for name in ("name", "age", "gender", "race", "birthplace")}
    fields: Mapping[str, Any] = {
        name: (Profile.model_fields[name].annotation, Field(json_schema_extra={"const": value}))
        for name, value in given.items()
    }
    return create_model("GivenProfile", __base__=Profile, **fields)


def _keeps_draw(drawn: Drawn, values: Values) -> bool:
    """Whether the profile has what was given: a favourite of the model in its place would be one more of the same."""
    town = (drawn.birthplace or "").split(",")[0].casefold()
    is_there = town in str(values["birthplace"]).casefold()
    is_people = drawn.race is None or drawn.race.casefold() in str(values["race"]).casefold()
    is_called_so = drawn.name is None or drawn.name.casefold() == str(values["name"]).casefold()
    return (
        is_there
        and is_people
        and is_called_so
        and values["gender"] == drawn.gender
        and abs(int(values["age"]) - drawn.age) <= _YEARS_APART
    )


def _make_row(outcome: Outcome[PersonaContext]) -> dict[str, Any]:
    values, context = dict(outcome.values or {}), outcome.task.context
    return {
        "character_id": content_id("chr", context.persona_id, *(values[name] for name in ATTRIBUTES)),
        "persona_id": context.persona_id,
        "persona": context.persona,
        **values,
        "response_keys": list(outcome.keys),
    }


def _is_name(name: str) -> bool:
    # Initials are what was asked for where nothing else is given, and no name.
    words = [_INITIALS.sub("", word) for word in name.split()]
    return not any(mark in name for mark in "<>[]{}_/:") and all(len(word) > 1 for word in (words[0], words[-1]))


def _is_people(race: str, birthplace: str) -> bool:
    place = birthplace.casefold()
    return race.casefold() != place and race.casefold() not in re.split(r",\s*", place)


def _says_the_same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold() or shares_run(one, other, _SHARED_RUN)


def _is_text(text: str) -> bool:
    signs = "".join(text.split())
    return not _CODE_MARK.search(text) and sum(map(str.isalpha, signs)) >= _LEAST_LETTERS * len(signs)


def _clean(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else value
