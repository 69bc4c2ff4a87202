"""The columns of every fixed artifact, declared once.

The schema checks, the column schemas in the Dagster UI and `docs/records.md` are made from these
classes. A recipe's columns stand in its YAML file and become the same kind of schema by `recipe_schema`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

import dataframely as dy
import polars as pl

TURNS = pl.List(pl.Struct({"role": pl.String, "content": pl.String}))


def content_id(prefix: str, *parts: object) -> str:
    """Make an id from the values that define a row, in a fixed order: the same on every machine, in every run.

    Returns `PREFIX_` and 20 hexadecimal digits (80 bits of SHA-256).
    """
    content = json.dumps(parts, ensure_ascii=False, default=str)
    digest = hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()
    return f"{prefix}_{digest[:20]}"


def _turns(description: str) -> dy.List:
    turn = dy.Struct({"role": dy.Enum(["system", "user", "assistant"]), "content": dy.String()})
    return dy.List(turn, min_length=1, description=description)


def _response_keys() -> dy.List:
    return dy.List(dy.String(), description="Keys in the ledger of the responses that the row was read from.")


def _flags() -> dy.List:
    return dy.List(dy.String(), description="Checks that doubt the row; such rows are not passed on by default.")


class WebText(dy.Schema):
    """Documents and passages of the corpus."""

    doc_id = dy.String(primary_key=True, regex="^doc_", description="Hash of the text.")
    text = dy.String(min_length=1, description="The text, or one passage of a long document.")
    url = dy.String(nullable=True, description="Address of the page, if the corpus names it.")
    source = dy.String(description="File and row that the text was read from.")
    source_id = dy.String(nullable=True, description="The id that the corpus gave the document.")
    passage = dy.Int32(description="Number of the passage in its document, from 0.")
    language = dy.String(description="Language detected, ISO 639-1, or und.")
    license = dy.String(description="Licence of the text.")
    n_chars = dy.Int64(description="Length in characters.")


class SeedPersonas(dy.Schema):
    """Personas read off documents (Text-to-Persona), or taken from a persona file."""

    persona_id = dy.String(primary_key=True, regex="^per_", description="Hash of text, document, relation and sample.")
    persona = dy.String(min_length=1, description="One person, in one or two sentences.")
    language = dy.String(description="Language of the persona, ISO 639-1, or und.")
    doc_id = dy.String(nullable=True, description="The document; none for a persona file.")
    relation = dy.String(nullable=True, description="How the person relates to it: read, write, like, ...")
    granularity = dy.String(nullable=True, description="coarse or fine.")
    license = dy.String(description="Licence of the source.")
    flags = _flags()
    response_keys = _response_keys()


class ExpandedPersonas(dy.Schema):
    """Personas in close relationship with another (Persona-to-Persona), round by round."""

    persona_id = dy.String(primary_key=True, regex="^per_", description="Hash of text, parent and relationship.")
    persona = dy.String(min_length=1, description="One person, in one or two sentences.")
    language = dy.String(description="Language of the persona, ISO 639-1, or und.")
    parent_id = dy.String(description="The persona that was asked about.")
    root_id = dy.String(description="The seed persona that the chain began with.")
    relationship = dy.String(description="What the person is to the parent, in the model's words.")
    round = dy.Int32(min=1, max=6, description="Round of the expansion.")
    is_new = dy.Bool(description="Kept by the hub's rule against all earlier personas of the shard.")
    license = dy.String(description="Licence of the root's source.")
    flags = _flags()
    response_keys = _response_keys()


class PersonaHub(dy.Schema):
    """The personas kept after deduplication."""

    persona_id = dy.String(primary_key=True, regex="^per_", description="As in seed_personas or expanded_personas.")
    persona = dy.String(min_length=1, description="One person, in one or two sentences.")
    language = dy.String(description="Language of the persona, ISO 639-1, or und.")
    round = dy.Int32(min=0, max=6, description="0 for a seed persona, else the round of the expansion.")
    parent_id = dy.String(nullable=True, description="The persona that it was expanded from.")
    root_id = dy.String(description="The seed persona at the start of its chain.")
    relation = dy.String(nullable=True, description="Relation to the document, or relationship to the parent.")
    doc_id = dy.String(nullable=True, description="Document of the root.")
    license = dy.String(description="Licence of the source.")
    flags = _flags()
    response_keys = _response_keys()


class HubDuplicates(dy.Schema):
    """The personas that deduplication dropped, each with the kept persona that it duplicates."""

    persona_id = dy.String(primary_key=True, regex="^per_", description="The dropped persona.")
    persona = dy.String(description="Its text.")
    kept_id = dy.String(regex="^per_", description="The kept persona at or above the threshold.")
    kept_persona = dy.String(description="Its text.")
    stage = dy.Enum(["exact", "minhash", "embedding"], description="The part of the rule that found it.")
    score = dy.Float64(min=0, max=1.0001, description="Jaccard or cosine of the pair; 1 for exact.")


class CharacterProfiles(dy.Schema):
    """A persona made a character: the eight attributes."""

    character_id = dy.String(primary_key=True, regex="^chr_", description="Hash of persona and profile.")
    persona_id = dy.String(description="The persona in the hub.")
    persona = dy.String(description="Its text.")
    name = dy.String(min_length=1)
    age = dy.Int32(min=1, max=120, description="In years.")
    gender = dy.String(min_length=1)
    race = dy.String(min_length=1)
    birthplace = dy.String(min_length=1)
    appearance = dy.String(min_length=1)
    experience = dy.String(min_length=1)
    personality = dy.String(min_length=1)
    flags = _flags()
    response_keys = _response_keys()


class SourceInstructions(dy.Schema):
    """Sessions of the instruction sets that role play starts from."""

    instruction_id = dy.String(primary_key=True, regex="^ins_", description="Hash of the turns.")
    turns = _turns("User and assistant in turn, the user first.")
    n_user_turns = dy.Int32(min=1)
    has_answers = dy.Bool(description="Every user turn has an answer: R can rewrite it.")
    source = dy.String(description="File and row.")
    license = dy.String()
    n_chars = dy.Int64()


class Dialogues(dy.Schema):
    """Role-play dialogues: a session answered by a character."""

    dialogue_id = dy.String(primary_key=True, regex="^dia_", description="Hash of character, session and answers.")
    character_id = dy.String()
    persona_id = dy.String()
    instruction_id = dy.String()
    turns = _turns("The session: user's turns to the letter, assistant's in character.")
    n_turns = dy.Int32(min=2)
    license = dy.String(description="Licence of the instruction set.")
    flags = _flags()
    response_keys = _response_keys()


class SftMix(dy.Schema):
    """A shard's candidates for the SFT dataset."""

    example_id = dy.String(primary_key=True, regex="^sft_", description="Hash of the messages and their origin.")
    messages = _turns("Chat messages; the last is the assistant's.")
    task = dy.String(description="Asset that the row comes from.")
    family_id = dy.String(description="Component of parent and duplicate links within reach of the shard.")
    source_row_id = dy.String(description="Id of the row in that asset.")
    persona_id = dy.String()
    partner_id = dy.String(nullable=True, description="The second persona of a talk, or the one whose question it is.")
    doc_id = dy.String(nullable=True)
    license = dy.String(description="Licences of the sources, joined by ' AND '.")
    original = dy.String(
        nullable=True, description="The instruction set's own answer to the last question, if it has one."
    )
    language = dy.String(description="Language of the assistant's turns, ISO 639-1, or und.")
    n_turns = dy.Int32(min=1, description="Turns of the user and the assistant.")
    n_chars = dy.Int64(description="Length of the assistant's turns, in characters.")
    compression = dy.Float64(description="Characters a byte of the assistant's turns, compressed; repetition has more.")
    model = dy.String(description="Model that wrote the assistant's turns.")
    model_terms = dy.String(description="Licence or terms of that model, by release.model_terms; unknown if not set.")
    prompt_hash = dy.String(description="Version of the prompt file.")
    flags = _flags()
    response_keys = _response_keys()


SCHEMAS: dict[str, type[dy.Schema]] = {
    "web_text": WebText,
    "seed_personas": SeedPersonas,
    "expanded_personas": ExpandedPersonas,
    "persona_hub": PersonaHub,
    "hub_duplicates": HubDuplicates,
    "character_profiles": CharacterProfiles,
    "source_instructions": SourceInstructions,
    "dialogues_r": Dialogues,
    "dialogues_g": Dialogues,
    "sft_mix": SftMix,
}

QUARANTINE_COLUMNS = dict.fromkeys(("row_id", "reason", "detail", "raw", "response_key"), pl.String)
"""Columns of every quarantine table: what was asked for, why it was refused, and the whole text."""


RECIPE_COLUMNS = ("item_id", "persona_id", "persona", "source_item_id", "model", "flags", "response_keys")
"""The columns that every recipe's table has, whatever its fields."""


def recipe_schema(name: str, columns: Mapping[str, dy.Column]) -> type[dy.Schema]:
    """The schema of a recipe's table: the common columns and those of its YAML file."""
    source = "Row of the recipe that this one reads, if it reads one."
    members = {
        "__doc__": f"Rows of the recipe {name}.",
        "item_id": dy.String(primary_key=True, description="Hash of persona, source row, sample and output."),
        "persona_id": dy.String(description="The persona in the hub."),
        "persona": dy.String(description="Its text."),
        "source_item_id": dy.String(nullable=True, description=source),
        **columns,
        "model": dy.String(description="Model that wrote the row."),
        "flags": _flags(),
        "response_keys": _response_keys(),
    }
    return type(name, (dy.Schema,), members)


def has_flag(excluded: Sequence[str]) -> pl.Expr:
    """Tell whether the column `flags` has one of some names of checks; `*` stands for any."""
    if "*" in excluded:
        return pl.col("flags").list.len() > 0
    return pl.col("flags").list.eval(pl.element().is_in(list(excluded))).list.any()


def without_flags(rows: pl.LazyFrame, excluded: Sequence[str]) -> pl.LazyFrame:
    """Leave out the rows of a table with `flags` that have one of some; `*` stands for any."""
    return rows.filter(~has_flag(excluded)) if excluded else rows


def polars_schema(schema: type[dy.Schema]) -> dict[str, pl.DataType]:
    """The Polars types of a schema's columns; enumerations are plain strings in the lake."""
    return {name: _storage_type(column.dtype) for name, column in schema.columns().items()}


def _storage_type(dtype: pl.DataType) -> pl.DataType:
    if isinstance(dtype, pl.Enum):
        return pl.String()
    if isinstance(dtype, pl.List):
        return pl.List(_storage_type(dtype.inner))  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return pl.Struct({field.name: _storage_type(field.dtype) for field in dtype.fields})  # type: ignore[arg-type]
    return dtype
