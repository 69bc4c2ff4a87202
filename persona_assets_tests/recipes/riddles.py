"""A small recipe of each kind, for tests that need no packaged file."""

from pathlib import Path
from typing import Any

import polars as pl
import yaml

from persona_assets.recipes.load import load_recipes
from persona_assets.recipes.recipe import Recipe

HUB = pl.LazyFrame(
    {
        "persona_id": [f"per_{index}" for index in range(10)],
        "persona": [f"A keeper of {index} sheep in a quiet valley." for index in range(10)],
    }
)
PROBLEM = pl.LazyFrame(
    {
        "item_id": ["itm_1"],
        "persona_id": ["per_1"],
        "persona": ["A cook."],
        "problem": ["How many jars are left of 40?"],
        "answer": ["20 jars"],
    }
)
PROGRAM = {"description": "A program.", "system": "You solve it by a Python program.", "user": "{{ problem }}"}


def write_recipe(folder: Path, **content: Any) -> Recipe:
    """Write a recipe `riddles`, with changes, and load it."""
    base = {"asset": "riddles", "description": "Riddles.", "user": "{{ persona }}"}
    (folder / "riddles.yaml").write_text(
        yaml.safe_dump({**base, **content}, sort_keys=False, allow_unicode=True), encoding="utf-8"
    )
    return load_recipes(folder)[-1]


def write_solutions(folder: Path, program: bool = False, **agreement: Any) -> Recipe:
    """Write a recipe that solves problems by a vote, and load it."""
    write_problems(folder)
    voting = {"field": "answer", "at_least": 2, **({"program": PROGRAM} if program else {}), **agreement}
    return write_recipe(
        folder,
        reads="problems",
        system="You solve problems.",
        user="{{ problem }}",
        answer="json",
        fields={"solution": {"description": "The steps."}, "answer": {"description": "The result."}},
        agreement=voting,
        candidates=3,
    )


def write_problems(folder: Path) -> None:
    """Write the recipe that the solutions read."""
    fields = {"problem": {"description": "x"}, "answer": {"description": "x"}}
    content = {"asset": "problems", "description": "x", "user": "{{ persona }}", "answer": "json", "fields": fields}
    (folder / "problems.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
