"""Candidates of a release for the tests."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from persona_assets.records import SftMix, content_id, polars_schema
from persona_assets.sft.mixes import Mix


def make_mix(**changes: Any) -> Mix:
    return Mix.model_validate({"description": "For tests.", "weights": {"dialogues_r": 1.0, "riddles": 1.0}, **changes})


def make_candidates(
    personas: Sequence[str], tasks: Sequence[str] = ("dialogues_r", "riddles"), each: int = 1, **columns: Any
) -> pl.LazyFrame:
    rows = [
        {
            "example_id": content_id("sft", task, persona, number),
            "messages": [
                {"role": "system", "content": f"You are {persona}."},
                {"role": "user", "content": "Hello\n„you“"},
                {"role": "assistant", "content": f"{task} {number}"},
            ],
            "task": task,
            "family_id": persona,
            "source_row_id": f"{task}_{number}",
            "persona_id": persona,
            "partner_id": None,
            "doc_id": None,
            "license": "CC0-1.0",
            "original": f"plain {number}" if task == "dialogues_r" else None,
            "language": "en",
            "n_turns": 2,
            "n_chars": len(f"{task} {number}"),
            "compression": 1.0,
            "model": "scripted/plain",
            "model_terms": "unknown",
            "prompt_hash": "abc",
            "flags": [],
            "response_keys": ["k"],
            **columns,
        }
        for persona in personas
        for task in tasks
        for number in range(each)
    ]
    return pl.LazyFrame(rows, schema=polars_schema(SftMix))


def make_families(families: dict[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        {"persona_id": list(families), "family_id": list(families.values())},
        schema={"persona_id": pl.String, "family_id": pl.String},
    )
