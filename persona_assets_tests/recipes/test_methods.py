"""The three prompting methods: what of the demonstrations a model is shown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from persona_assets.errors import PromptError
from persona_assets.personas.persona_prompts import load_seed_prompt
from persona_assets.recipes.load import load_recipes
from persona_assets.recipes.make import Workshop, make_items
from persona_assets.recipes.recipe import Recipe
from persona_assets.settings import SandboxSettings, TaskSettings
from persona_assets_tests.asking import PROMPTS, Made, ask
from persona_assets_tests.scripted import teach

HUB = pl.LazyFrame({"persona_id": ["per_1", "per_2"], "persona": ["A sailor of old ships.", "A baker of rye bread."]})
ASKER = "A lighthouse keeper who repairs clocks through the long winter nights."
DEMONSTRATIONS = [
    {"values": {"persona": "A baker who wakes at three."}, "answer": "What rises without legs?"},
    {"values": {"persona": "A sailor on a tall ship."}, "answer": "What drinks and is never thirsty?"},
    {"values": {}, "answer": "What has hands and cannot clap, though it tells the keeper when to wake?"},
]


async def compare_by_trade(texts: Sequence[str]) -> list[list[float]]:
    trades = ("baker", "sailor", "keeper")
    marks = [[float(trade in text) for trade in trades] for text in texts]
    return [[sum(a * b for a, b in zip(one, other, strict=True)) for other in marks] for one in marks]


def write(folder: Path, **content: Any) -> Recipe:
    text = {
        "asset": "riddles",
        "description": "d",
        "user": "{% if persona %}Person: {{ persona }}{% endif %} Write.",
        "fields": {"riddle": {"description": "x"}},
        "demonstrations": DEMONSTRATIONS,
        **content,
    }
    (folder / "riddles.yaml").write_text(yaml.safe_dump(text), encoding="utf-8")
    return load_recipes(folder)[0]


def make(folder: Path, recipe: Recipe, seen: list[list[str]], name: str, **task: Any) -> Made:
    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        if "describe one human being" in str(messages[0]["content"]):
            seen.append(["asked for a persona"])
            return ASKER
        seen.append([str(message["content"]).strip() for message in messages])
        return f"Riddle number {len(seen)}: what is it?"

    workshop = Workshop(load_seed_prompt(PROMPTS), compare_by_trade, SandboxSettings())
    settings = TaskSettings(**task)
    return ask(folder, recipe, lambda asker: make_items(asker, HUB, workshop), teach(name, answer), settings)


def test_without_demonstrations(tmp_path: Path) -> None:
    seen: list[list[str]] = []
    assert make(tmp_path, write(tmp_path), seen, "method-zero", method="zero_shot").rows.height == 2
    assert sorted(seen) == [["Person: A baker of rye bread. Write."], ["Person: A sailor of old ships. Write."]]


def test_demonstrations_without_personas(tmp_path: Path) -> None:
    seen: list[list[str]] = []
    make(tmp_path, write(tmp_path, method="few_shot"), seen, "method-few")
    for turns in seen:
        assert turns[0] == turns[2] == turns[4] == "Write."
        assert turns[1] == "What rises without legs?"
        assert turns[6].startswith("Person: ")


def test_each_demonstration_has_its_persona_and_a_missing_one_is_asked_for_once(tmp_path: Path) -> None:
    seen: list[list[str]] = []
    make(tmp_path, write(tmp_path), seen, "method-persona")
    assert seen.count(["asked for a persona"]) == load_seed_prompt(PROMPTS).content.candidates
    shown = next(turns for turns in seen if len(turns) > 1)
    assert shown[0] == "Person: A baker who wakes at three. Write."
    assert shown[4] == f"Person: {ASKER} Write."
    asked = len(seen)
    make(tmp_path, write(tmp_path), seen, "method-persona")
    assert len(seen) == asked


def test_the_demonstrations_nearest_to_the_persona_are_chosen_the_nearest_last(tmp_path: Path) -> None:
    seen: list[list[str]] = []
    make(tmp_path, write(tmp_path), seen, "method-nearest", shown=1, choose="nearest")
    by_person = {turns[-1]: turns[0] for turns in seen if len(turns) > 1}
    assert by_person == {
        "Person: A baker of rye bread. Write.": "Person: A baker who wakes at three. Write.",
        "Person: A sailor of old ships. Write.": "Person: A sailor on a tall ship. Write.",
    }


def test_a_demonstration_that_gets_no_persona_is_named(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    workshop = Workshop(load_seed_prompt(PROMPTS), compare_by_trade, SandboxSettings())
    model = teach("method-none", lambda _: "Sorry?")
    with pytest.raises(PromptError, match=r"recipe riddles has no persona.*What has hands"):
        ask(tmp_path, recipe, lambda asker: make_items(asker, HUB, workshop), model)


def test_a_recipe_that_names_no_persona_asks_for_none(tmp_path: Path) -> None:
    seen: list[list[str]] = []
    make(tmp_path, write(tmp_path, user="Write."), seen, "method-unnamed")
    assert ["asked for a persona"] not in seen
