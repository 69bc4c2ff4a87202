"""Any recipe's rows: a YAML file is enough, and every answer is judged by its checks."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from persona_assets.errors import PromptError
from persona_assets.personas.persona_prompts import load_seed_prompt
from persona_assets.recipes.make import Workshop, judge_answer, make_items
from persona_assets.recipes.recipe import Recipe, RecipeFile
from persona_assets.recipes.sources import SourceRow
from persona_assets.row_checks import Rejected, RowChecks
from persona_assets.settings import SandboxSettings, TaskSettings
from persona_assets_tests.asking import PROMPTS, Made, ask, compare_by_length
from persona_assets_tests.recipes.riddles import HUB, write_recipe
from persona_assets_tests.scripted import teach

RIDDLE = {"riddle": {"description": "The riddle."}}
TONES = {"tone": {"dark": {"weight": 1, "text": "dark and slow"}, "light": 1}}
ROW = {"persona": "p", "persona_id": "per_1"}
SOURCE = SourceRow(ROW, 0, "lot", {}, ROW)
WORKSHOP = Workshop(load_seed_prompt(PROMPTS), compare_by_length, SandboxSettings())


def make(folder: Path, recipe: Recipe, rows: pl.LazyFrame = HUB, model: str = "scripted/plain", **task: Any) -> Made:
    return ask(folder, recipe, lambda asker: make_items(asker, rows, WORKSHOP), model, TaskSettings(**task))


def test_a_new_file_makes_rows_with_no_python(tmp_path: Path) -> None:
    recipe = write_recipe(
        tmp_path,
        system="You write riddles.",
        answer="json",
        fields={
            "riddle": {"description": "The riddle.", "min_length": 30},
            "difficulty": {"type": "integer", "description": "1 to 5.", "minimum": 1, "maximum": 5},
        },
        per_row=2,
    )
    made = make(tmp_path, recipe)
    rows = recipe.content.schema_class().validate(made.rows)
    assert rows.height == made.accounting.planned == 20
    assert rows["item_id"].n_unique() == 20
    assert rows["difficulty"].is_between(1, 5).all()
    assert rows["flags"].list.len().sum() == 0


def test_one_call_a_row_and_as_many_as_are_wanted(tmp_path: Path) -> None:
    recipe, asked = write_recipe(tmp_path, fields=RIDDLE), []

    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        asked.append(messages)
        return f"What has {len(asked)} keys and no door?"

    assert make(tmp_path, recipe, model=teach("one-call", answer)).rows.height == len(asked) == 10
    assert make(tmp_path, recipe, model=teach("two-calls", answer), candidates=2).rows.height == 10
    assert len(asked) == 30


def test_a_recipe_without_a_pattern_takes_the_whole_text(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, fields=RIDDLE)
    rows = make(tmp_path, recipe, model=teach("riddle", lambda _: '  "What has keys and no door?" ')).rows
    assert set(rows["riddle"]) == {"What has keys and no door?"}


@pytest.mark.parametrize(
    ("reason", "answer"),
    [
        ("malformed", "What has keys?"),
        ("contact_data", "Riddle: What has keys? Ask ann@keys.org!"),
    ],
)
def test_a_bad_answer_is_quarantined_with_its_reason(reason: str, answer: str, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, fields=RIDDLE, pattern=r"^Riddle: (?P<riddle>.+)$")
    made = make(tmp_path, recipe, HUB.head(1), teach(f"bad-{reason}", lambda _: answer))
    assert made.rows.is_empty()
    assert made.reasons() == {reason: 1}
    assert made.quarantined["row_id"].to_list() == ["per_0"]


@pytest.mark.parametrize(("level", "kept", "flags"), [("flag", 1, [["holds_solution"]]), ("refuse", 0, [])])
def test_a_doubtful_row_stays_with_its_flags_unless_the_file_refuses_it(
    level: str, kept: int, flags: list[list[str]], tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path, fields=RIDDLE, checks={"holds_solution": level})
    made = make(tmp_path, recipe, HUB.head(1), teach(f"level-{level}", lambda _: "What has keys? Answer: a piano"))
    assert made.rows["flags"].to_list() == flags
    assert made.rows.height == made.accounting.flags["holds_solution"] == kept
    assert made.reasons() == ({} if kept else {"holds_solution": 1})


def test_the_limit_counts_rows_read(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, fields=RIDDLE, per_row=2)
    assert make(tmp_path, recipe, limit=3).accounting.planned == 6


def test_a_faulty_model_loses_nothing_silently(tmp_path: Path) -> None:
    made = make(tmp_path, write_recipe(tmp_path, fields=RIDDLE), model="scripted/faulty")
    assert made.rows.height + made.quarantined.height == made.accounting.planned == 10


def test_a_group_that_did_not_match_is_malformed_and_no_crash() -> None:
    recipe = RecipeFile.model_validate(
        {
            "asset": "riddles",
            "description": "d",
            "user": "u",
            "pattern": r"(?P<riddle>\w+\?)(?P<hint> Hint: .*)?",
            "fields": {"riddle": {"description": "x"}, "hint": {"description": "x"}},
        }
    )
    verdict = judge_answer(recipe, SOURCE, {"text": "Who?"}, RowChecks())
    assert isinstance(verdict, Rejected)
    assert verdict.reason == "malformed"
    full = judge_answer(recipe, SOURCE, {"text": "Who? Hint: I."}, RowChecks())
    assert not isinstance(full, Rejected)
    assert full.values == {"riddle": "Who?", "hint": "Hint: I.", "flags": []}


def test_a_field_of_white_space_is_malformed(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, answer="json", fields={"riddle": {"description": "x", "min_length": 3}})
    model = teach("blank", lambda _: json.dumps({"riddle": "     "}))
    assert make(tmp_path, recipe, HUB.head(1), model).reasons() == {"malformed": 1}


def test_what_is_drawn_is_in_the_prompt_and_in_the_row(tmp_path: Path) -> None:
    seen: list[str] = []

    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        seen.append(str(messages[-1]["content"]))
        return f"What has {len(seen)} keys?"

    recipe = write_recipe(tmp_path, user="{{ persona }} {{ tone_text }}", fields=RIDDLE, draws=TONES)
    tones = make(tmp_path, recipe, model=teach("drawn", answer)).rows["tone"].to_list()
    assert set(tones) == {"dark", "light"}
    assert sum(text.endswith("dark and slow") for text in seen) == tones.count("dark")
    fixed = make(tmp_path, recipe, model=teach("fixed", answer), draws={"tone": "as a sailor says it"})
    assert set(fixed.rows["tone"]) == {"as a sailor says it"}
    with pytest.raises(PromptError, match=r"tasks\..*draws\.topic: the recipe draws tone"):
        make(tmp_path, recipe, draws={"topic": "knots"})


def test_a_world_is_drawn_unless_the_settings_name_one(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "worlds").mkdir()
    for name in ("isle", "coast"):
        (tmp_path / "worlds" / f"{name}.yaml").write_text(
            f"title: The {name}\nfacts: Fog.\nplaces: {{Bell: x}}\nfactions: {{Dredgers: y}}\n", encoding="utf-8"
        )
    folder = tmp_path / "recipes"
    recipe = write_recipe(folder, user="{{ world.title }}, {{ persona }}", worlds=["isle", "coast"], fields=RIDDLE)
    rows = make(tmp_path, recipe).rows
    assert set(rows.select("world", "world_title").unique().rows()) == {("isle", "The isle"), ("coast", "The coast")}
    assert set(make(tmp_path, recipe, draws={"world": "isle"}).rows["world"]) == {"isle"}
    with pytest.raises(PromptError, match=r"draws\.world: there is no world moon; there are coast, isle"):
        make(tmp_path, recipe, draws={"world": "moon"})


def test_nested_fields_become_columns(tmp_path: Path) -> None:
    recipe = write_recipe(
        tmp_path,
        answer="json",
        fields={
            "lines": {"type": "list", "description": "x", "items": {"description": "y", "min_length": 3}},
            "author": {
                "type": "object",
                "description": "x",
                "fields": {
                    "age": {"type": "integer", "description": "y"},
                    "is_real": {"type": "boolean", "description": "z"},
                },
            },
            "mood": {"description": "x", "choices": ["dark", "light"]},
            "weight": {"type": "number", "description": "x", "minimum": 1},
        },
    )
    made = make(tmp_path, recipe)
    rows = recipe.content.schema_class().validate(made.rows, cast=True)
    assert rows.height == 10
    assert set(rows["mood"]) <= {"dark", "light"}
    assert rows["author"].struct.field("age").dtype == pl.Int64
    assert rows["lines"].dtype == pl.List(pl.String)
