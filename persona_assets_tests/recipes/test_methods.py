"""The three prompting methods: what of the demonstrations a model is shown."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from persona_assets.errors import PromptError
from persona_assets.personas.persona_prompts import load_seed_prompt
from persona_assets.recipes.make import Workshop, make_items
from persona_assets.recipes.recipe import Recipe
from persona_assets.settings import SandboxSettings, TaskSettings
from persona_assets_tests.asking import PROMPTS, Made, ask
from persona_assets_tests.recipes.riddles import write_recipe
from persona_assets_tests.scripted import teach

HUB = pl.LazyFrame({"persona_id": ["per_1", "per_2"], "persona": ["A sailor of old ships.", "A baker of rye bread."]})
KEEPER = "A lighthouse keeper who repairs clocks through the long winter nights."
DEMONSTRATIONS: list[dict[str, Any]] = [
    {"values": {"persona": "A baker who wakes at three."}, "answer": "What rises without legs?"},
    {"values": {"persona": "A sailor on a tall ship."}, "answer": "What drinks and is never thirsty?"},
    {"values": {}, "answer": "What has hands and cannot clap, though it tells the keeper when to wake?"},
]
PERSONA = "{% if persona %}Person: {{ persona }}{% endif %} Write."


async def compare_by_trade(texts: Sequence[str]) -> list[list[float]]:
    trades = ("baker", "sailor", "keeper")
    marks = [[float(trade in text) for trade in trades] for text in texts]
    return [[sum(a * b for a, b in zip(one, other, strict=True)) for other in marks] for one in marks]


def write(folder: Path, **content: Any) -> Recipe:
    base = {"user": PERSONA, "fields": {"riddle": {"description": "x"}}, "demonstrations": DEMONSTRATIONS}
    return write_recipe(folder, **{"method": "persona_few_shot", "choose": "first", **base, **content})


def make(
    folder: Path, recipe: Recipe, name: str, rows: pl.LazyFrame = HUB, **task: Any
) -> tuple[Made, list[list[str]]]:
    seen: list[list[str]] = []

    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        if "Who is likely to write this text?" in str(messages[-1]["content"]):
            seen.append(["asked for a persona"])
            return json.dumps({"personas": [{"relation": "write", "persona": KEEPER}]})
        seen.append([str(message["content"]).strip() for message in messages])
        return f"Riddle number {len(seen)}: what is it?"

    workshop = Workshop(load_seed_prompt(PROMPTS), compare_by_trade, SandboxSettings())
    made = ask(
        folder, recipe, lambda asker: make_items(asker, rows, workshop), teach(name, answer), TaskSettings(**task)
    )
    return made, seen


def test_without_demonstrations(tmp_path: Path) -> None:
    made, seen = make(tmp_path, write(tmp_path), "method-zero", method="zero_shot")
    assert made.rows.height == 2
    assert sorted(seen) == [["Person: A baker of rye bread. Write."], ["Person: A sailor of old ships. Write."]]


def test_demonstrations_without_personas(tmp_path: Path) -> None:
    _, seen = make(tmp_path, write(tmp_path, method="few_shot"), "method-few")
    assert ["asked for a persona"] not in seen
    for turns in seen:
        assert turns[0] == turns[2] == turns[4] == "Write."
        assert turns[1] == "What rises without legs?"
        assert turns[6].startswith("Person: ")


def test_each_demonstration_has_its_persona_and_a_missing_one_is_asked_for_once(tmp_path: Path) -> None:
    _, seen = make(tmp_path, write(tmp_path), "method-persona")
    assert seen.count(["asked for a persona"]) == 1
    shown = next(turns for turns in seen if len(turns) > 1)
    assert shown[0] == "Person: A baker who wakes at three. Write."
    assert shown[4] == f"Person: {KEEPER} Write."
    assert make(tmp_path, write(tmp_path), "method-persona")[1] == []


def test_the_demonstrations_nearest_to_the_persona_are_chosen_the_nearest_last(tmp_path: Path) -> None:
    _, seen = make(tmp_path, write(tmp_path), "method-nearest", shown=1, choose="nearest")
    by_person = {turns[-1]: turns[0] for turns in seen if len(turns) > 1}
    assert by_person == {
        "Person: A baker of rye bread. Write.": "Person: A baker who wakes at three. Write.",
        "Person: A sailor of old ships. Write.": "Person: A sailor on a tall ship. Write.",
    }


def test_demonstrations_are_drawn_by_row_and_every_one_has_its_turn(tmp_path: Path) -> None:
    pool = [{"values": {"persona": f"Person {n}."}, "answer": f"Riddle {n}?"} for n in range(6)]
    rows = pl.LazyFrame({"persona_id": [f"per_{n}" for n in range(40)], "persona": [f"No. {n}." for n in range(40)]})
    recipe = write(tmp_path, demonstrations=pool, shown=2, choose="random")
    _, seen = make(tmp_path, recipe, "method-random", rows)
    shown = {turns[-1]: (turns[1], turns[3]) for turns in seen}
    assert all(one != other for one, other in shown.values())
    assert {one for pair in shown.values() for one in pair} == {f"Riddle {n}?" for n in range(6)}
    # One more in the pool changes the rows that are shown it, and no other.
    more = write(tmp_path, demonstrations=[{"values": {"persona": "New."}, "answer": "New?"}, *pool], shown=2)
    more = write_recipe(tmp_path, **more.content.model_dump(exclude_unset=True) | {"choose": "random"})
    _, again = make(tmp_path, more, "method-random-more", rows)
    changed = [turns for turns in again if (turns[1], turns[3]) != shown[turns[-1]]]
    assert changed
    assert all("New?" in turns for turns in changed)


@pytest.mark.parametrize(
    ("changes", "task", "message"),
    [
        ({"demonstrations": []}, {}, "tasks.riddles: method is persona_few_shot, and recipe riddles has no demonstr"),
        ({"demonstrations": [], "method": "zero_shot"}, {"method": "few_shot"}, "set method to zero_shot"),
        ({"user": "Write."}, {}, "the prompt of recipe riddles says nothing of a persona: set method to few_shot"),
        ({"user": "Write."}, {"method": "few_shot", "choose": "nearest"}, "choose is nearest, and the prompt of"),
    ],
)
def test_a_method_that_a_recipe_cannot_have_is_refused(
    changes: dict[str, Any], task: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(PromptError, match=message):
        make(tmp_path, write(tmp_path, **changes), f"refused-{len(message)}", **task)


def test_a_recipe_that_names_no_persona_can_show_plain_demonstrations(tmp_path: Path) -> None:
    _, seen = make(tmp_path, write(tmp_path, user="Write."), "method-unnamed", method="few_shot")
    assert {len(turns) for turns in seen} == {7}


def test_a_demonstration_that_gets_no_persona_is_named(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    workshop = Workshop(load_seed_prompt(PROMPTS), compare_by_trade, SandboxSettings())
    model = teach("method-none", lambda _: "Sorry?")
    with pytest.raises(PromptError, match=r"recipe riddles has no persona.*What has hands"):
        ask(tmp_path, recipe, lambda asker: make_items(asker, HUB, workshop), model)


OWN = [
    {"persona": "A vet.", "answer": "What barks and never bites?"},
    {"values": {"persona": "A judge.", "tone_text": "grim"}, "answer": "What is passed and never kicked?"},
]


@pytest.mark.parametrize("name", ["own.yaml", "own.jsonl"])
def test_a_file_of_ones_own_takes_the_place_of_the_demonstrations(name: str, tmp_path: Path) -> None:
    path = tmp_path / "own" / name
    path.parent.mkdir()
    written = yaml.safe_dump(OWN) if name.endswith("yaml") else "\n".join(map(json.dumps, OWN))
    path.write_text(written, encoding="utf-8")
    recipe = write(tmp_path, user=f"{PERSONA} {{{{ tone_text }}}}", draws={"tone": {"dark": 1}}, demonstrations=[])
    _, seen = make(tmp_path, recipe, f"own-{name}", demonstrations=path)
    assert seen[0][:4] == [
        "Person: A vet. Write.",
        "What barks and never bites?",
        "Person: A judge. Write. grim",
        "What is passed and never kicked?",
    ]
    assert seen[0][4].endswith("Write. dark")


def test_the_fields_of_an_answer_may_stand_beside_the_persona(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('{"persona": "A vet.", "riddle": "What barks?", "answer": "a tree"}\n', encoding="utf-8")
    recipe = write(
        tmp_path,
        answer="json",
        fields={"riddle": {"description": "x"}, "answer": {"description": "y"}},
        demonstrations=[],
    )
    _, seen = make(tmp_path, recipe, "own-fields", demonstrations=path)
    assert seen[0][1] == '{"riddle": "What barks?", "answer": "a tree"}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"persona": "A vet."}\n', "demonstration 1 does not fit recipe riddles: .*answer"),
        ('{"persona": "A vet.", "answer": ""}\n', "demonstration 1 does not fit recipe riddles"),
        ("", "holds no list of demonstrations"),
        ("{\n", "cannot be read as JSON lines"),
    ],
)
def test_what_is_wrong_with_a_file_of_ones_own_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PromptError, match=rf"own\.jsonl.* {message}"):
        make(tmp_path, write(tmp_path), f"own-wrong-{len(text)}", demonstrations=path)
