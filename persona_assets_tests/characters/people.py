"""Characters and sessions for the tests."""

from typing import Any

import polars as pl

from persona_assets.characters.sessions import Session
from persona_assets.prompts import Message
from persona_assets.records import TURNS


def make_character(number: int = 0) -> dict[str, Any]:
    return {
        "character_id": f"chr_{number:04}",
        "persona_id": f"per_{number:04}",
        "persona": "A ferry captain from a canal city who collects folk songs.",
        "name": "Ruben Okafor",
        "age": 44,
        "gender": "man",
        "race": "West African",
        "birthplace": "a river port",
        "appearance": "Tall and slow, with a cap that he never takes off and a limp.",
        "experience": "He sailed on grain barges for nine years and then bought a ferry of his own with two brothers.",
        "personality": "Patient with children, short with inspectors, and proud of his silence.",
    }


def make_characters(number: int) -> pl.DataFrame:
    return pl.DataFrame([make_character(index) for index in range(max(1, number))]).head(number)


def make_turns(*texts: str) -> tuple[Message, ...]:
    return tuple({"role": ("user", "assistant")[index % 2], "content": text} for index, text in enumerate(texts))


def make_session(*texts: str, number: int = 0) -> Session:
    return Session(f"ins_{number:04}", make_turns(*texts), "CC-BY-4.0", make_character(number))


def make_instructions(number: int, start: int = 0) -> pl.LazyFrame:
    rows = [
        {"instruction_id": f"ins_{index:05}", "turns": list(make_turns(f"Question {index}?", f"Answer {index}."))}
        for index in range(start, start + number)
    ]
    return pl.LazyFrame(rows, schema={"instruction_id": pl.String, "turns": TURNS}).with_columns(
        license=pl.lit("CC0-1.0")
    )
