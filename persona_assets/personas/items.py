"""The people that one reply describes, each judged by itself; those that were forgotten are not heard again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import polars as pl
from pydantic import BaseModel, Field, create_model

from persona_assets.corpus.language import UNKNOWN, detect_language
from persona_assets.corpus.tombstones import FORGOTTEN, Tombstones
from persona_assets.dedup.text import normalise
from persona_assets.llm.tasks import Accepted, Rejected, Verdict
from persona_assets.personas.persona_checks import clean_persona
from persona_assets.personas.text_checks import is_in_language
from persona_assets.records import content_id
from persona_assets.row_checks import Doubt, RowChecks
from persona_assets.tables import Batch

SAID_AGAIN = Rejected(*FORGOTTEN)


def hide_forgotten(batch: Batch) -> Batch:
    """Take replies out of the quarantine that say again what was forgotten, whatever of them is refused."""
    refused = batch.quarantined
    saying = refused.filter(reason=SAID_AGAIN.reason)["response_key"]
    raw = pl.when(pl.col("response_key").is_in(saying.implode())).then(pl.lit("")).otherwise("raw")
    return replace(batch, quarantined=refused.with_columns(raw=raw))


PEOPLE = "people"
"""The value of a verdict under which the people lie that became rows."""


@dataclass(frozen=True, slots=True)
class Item:
    """One person of a reply.

    Attributes:
        relation: of the person to what was asked about.
        said: the description, as the model wrote it.
    """

    relation: str
    said: str


@cache
def build_answer(name: str, field: str, person: type[BaseModel], number: int) -> type[BaseModel]:
    """Build the model of an answer that holds several people, `number` of whom are asked for."""
    # A model that says one too many has said the others, too: the schema asks, and nothing is refused for it.
    people: Any = (list[person], Field(min_length=1, json_schema_extra={"maxItems": number}))  # type: ignore[valid-type]
    return create_model(name, **{field: people})


def judge_items(
    items: Iterable[Item],
    origin_id: str,
    language: str | None,
    doubt: Callable[[str], Iterable[Doubt]],
    checks: RowChecks,
    forgotten: Tombstones,
) -> Verdict:
    """Judge the people of a reply.

    Args:
        items: in the reply's order, which is a part of their ids.
        language: asked for, as an ISO 639-1 code; None where it is not known.
        doubt: finds what may be wrong with a persona.
        forgotten: personas that must not come back.

    Returns:
        The good ones as columns of a row, each with its flags, and those that are refused.
    """
    people: list[dict[str, Any]] = []
    refused: list[Rejected] = []
    for place, item in enumerate(items):
        persona = clean_persona(item.said)
        persona_id = identify_persona(persona, origin_id, item.relation, place)
        flags = _judge(persona, persona_id, doubt, checks, forgotten)
        if isinstance(flags, Rejected):
            refused.append(flags)
        else:
            person = {"persona_id": persona_id, "persona": persona, "language": tell_language(persona, language)}
            people.append({**person, "relation": item.relation, "flags": flags})
    if not people and len(refused) == 1:
        # Nothing else is in the reply, so that another candidate may take its place.
        return refused[0]
    return Accepted({PEOPLE: people}, refused, sum(not person["flags"] for person in people))


def identify_persona(persona: str, origin_id: str | None, relation: str | None, sample: int) -> str:
    """The id of a persona: its normalised text, where it comes from, how, and its place among those of one origin."""
    return content_id("per", normalise(persona), origin_id, relation, sample)


def tell_language(persona: str, expected: str | None) -> str:
    """Tell the language of a persona: what was asked for, unless it is clearly another."""
    if expected and is_in_language(persona, expected):
        return expected
    return detect_language(persona)


def know_language(code: str) -> str | None:
    """The language that a column names; None for `und`."""
    return None if code == UNKNOWN else code


def _judge(
    persona: str, persona_id: str, doubt: Callable[[str], Iterable[Doubt]], checks: RowChecks, forgotten: Tombstones
) -> Rejected | list[str]:
    if not persona:
        return Rejected("empty")
    if forgotten.cover_persona(persona, persona_id):
        return SAID_AGAIN
    return checks.settle(doubt(persona))
