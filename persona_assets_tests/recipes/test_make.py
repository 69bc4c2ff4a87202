"""Any recipe's rows: a YAML file is enough, and every answer is judged by the checks it names."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from persona_assets.errors import PromptError
from persona_assets.llm.asker import Asker
from persona_assets.llm.client import ModelClient
from persona_assets.llm.ledger import Ledger
from persona_assets.llm.tasks import Accepted, Rejected
from persona_assets.llm.team import ModelTeam
from persona_assets.llm.usage import Usage
from persona_assets.personas.persona_prompts import load_seed_prompt
from persona_assets.recipes.load import load_recipes
from persona_assets.recipes.make import SourceRow, Workshop, judge_answer, make_items
from persona_assets.recipes.recipe import Recipe, RecipeFile
from persona_assets.settings import ModelSettings, SandboxSettings, TaskSettings
from persona_assets_tests.asking import PROMPTS, Made, ask, compare_by_length, put_together
from persona_assets_tests.scripted import ScriptedReply, teach

PROBLEMS, SOLUTIONS = (
    next(recipe for recipe in load_recipes(PROMPTS / "recipes") if recipe.content.asset == asset)
    for asset in ("math_problems", "math_solutions")
)
HUB = pl.LazyFrame(
    {
        "persona_id": [f"per_{index}" for index in range(10)],
        "persona": [f"A keeper of {index} sheep in a quiet valley." for index in range(10)],
    }
)


SOURCE = SourceRow({"persona": "p", "persona_id": "per_1"}, 0, {}, {"persona": "p", "persona_id": "per_1"})
WORKSHOP = Workshop(load_seed_prompt(PROMPTS), compare_by_length, SandboxSettings())


def make(folder: Path, recipe: Recipe, rows: pl.LazyFrame = HUB, model: str = "scripted/plain", **task: Any) -> Made:
    return ask(folder, recipe, lambda asker: make_items(asker, rows, WORKSHOP), model, TaskSettings(**task))


def write_recipe(folder: Path, **content: Any) -> Recipe:
    (folder / "riddles.yaml").write_text(
        yaml.safe_dump(
            {"asset": "riddles", "description": "Riddles.", "user": "{{ persona }}", **content}, sort_keys=False
        ),
        encoding="utf-8",
    )
    return load_recipes(folder)[0]


def test_problems_and_their_solutions(tmp_path: Path) -> None:
    problems = make(tmp_path, PROBLEMS)
    rows = PROBLEMS.content.schema_class().validate(problems.rows)
    assert rows.height == 10
    assert rows["source_item_id"].null_count() == 10
    assert not rows["problem"].str.contains("Math problem").any()
    solved = make(tmp_path, SOLUTIONS, rows.lazy())
    solutions = SOLUTIONS.content.schema_class().validate(solved.rows)
    assert solutions["source_item_id"].to_list() == rows["item_id"].to_list()
    assert solutions["persona_id"].to_list() == rows["persona_id"].to_list()
    assert set(solved.reasons()) <= {"wrong_arithmetic"}


def test_a_new_file_makes_rows_with_no_python(tmp_path: Path) -> None:
    recipe = write_recipe(
        tmp_path,
        system="You write riddles.",
        answer="json",
        fields={
            "riddle": {"description": "The riddle.", "min_length": 30},
            "difficulty": {"type": "integer", "description": "1 to 5.", "minimum": 1, "maximum": 5},
        },
        checks=["has_two_numbers", "speaks_as_person"],
        per_row=2,
    )
    made = make(tmp_path, recipe)
    rows = recipe.content.schema_class().validate(made.rows)
    assert rows.height == made.accounting.planned == 20
    assert rows["item_id"].n_unique() == 20
    assert rows["difficulty"].is_between(1, 5).all()


def test_a_recipe_without_a_pattern_takes_the_whole_text(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, fields={"riddle": {"description": "The riddle."}})
    rows = make(tmp_path, recipe, model=teach("riddle", lambda _: "  What has keys and no door? ")).rows
    assert set(rows["riddle"]) == {"What has keys and no door?"}


@pytest.mark.parametrize("continues", [True, False])
def test_a_model_that_goes_on_with_its_answers_is_asked_as_the_file_says(
    continues: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Asker, "continues_answers", property(lambda _: continues))
    begun = {
        "system": "You go on.",
        "user": "About {{ persona }}",
        "openings": ["Who", "Why"],
        "demonstrations": [{"values": {"persona": "A smith."}, "answer": "Who is hot? Nobody."}],
        "max_tokens": 9,
        "sentences": 1,
        "checks": ["asks_something"],
    }
    recipe = write_recipe(
        tmp_path, system="You write.", method="zero_shot", fields={"riddle": {"description": "It."}}, begun=begun
    )
    asked: list[Sequence[Mapping[str, Any]]] = []

    def answer(messages: Sequence[Mapping[str, Any]]) -> ScriptedReply:
        asked.append(messages)
        return ScriptedReply(f"has keys {len(asked)} and no door? A pia", "length")

    made = make(tmp_path, recipe, model=teach(f"begun-{continues}", answer), candidates=1)
    begins = {messages[-1]["content"] for messages in asked}
    if not continues:
        assert begins == set(HUB.collect()["persona"])
        assert made.reasons() == {"truncated": 10}
        return
    assert begins == {"Who", "Why"}
    assert asked[0][0]["content"] == "You go on."
    assert set(made.rows["riddle"].str.slice(0, 3)) == {"Who", "Why"}
    assert made.rows["riddle"].str.ends_with("and no door?").all()


@pytest.mark.parametrize(
    ("reason", "answer"),
    [
        ("malformed", "A keeper has 3 sheep and buys 4. How many are there?"),
        ("asks_nothing", "Math problem: A keeper of a quiet valley has 3 sheep and buys 4 more of them at the market."),
        ("holds_solution", "Math problem: A keeper has 3 sheep and buys 4. How many are there? Answer: 7, is it not?"),
        ("refused", "I'm sorry, I cannot do sums."),
        ("copies_demonstration", str(PROBLEMS.content.demonstrations[0].answer)),
    ],
)
def test_a_bad_answer_is_quarantined_with_its_reason(reason: str, answer: str, tmp_path: Path) -> None:
    made = make(tmp_path, PROBLEMS, HUB.head(1), teach(f"math-{reason}", lambda _: answer), candidates=1)
    assert made.rows.is_empty()
    assert made.reasons() == {reason: 1}
    assert made.quarantined["row_id"].to_list() == ["per_0"]


def test_the_answer_that_most_agree_on_is_kept(tmp_path: Path) -> None:
    written = iter(["2 * 9 = 18\nAnswer: 18 jars", "4 * 5 = 20\nAnswer: $20", "40 / 2 = 20.0\nAnswer: 20.00 dollars"])
    rows = pl.LazyFrame(
        {"item_id": ["itm_1"], "persona_id": ["per_1"], "persona": ["A cook."], "problem": ["How many jars are left?"]}
    )
    made = make(tmp_path, SOLUTIONS, rows, teach("agreement", lambda _: next(written)), candidates=3)
    # Which of the two is drawn first, and so kept, depends on time.
    assert made.rows["answer"][0] in {"$20", "20.00 dollars"}
    assert made.rows.select("n_agree", "n_answers").row(0) == (2, 3)
    assert made.rows["source_item_id"].to_list() == ["itm_1"]
    assert dict(made.accounting.dropped) == {"not_best_candidate": 2}


@pytest.mark.parametrize("continues", [True, False])
def test_what_a_small_model_says_in_the_words_of_the_persona_is_not_preferred(
    continues: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Asker, "continues_answers", property(lambda _: continues))
    begun = {"system": "Go on.", "user": "{{ persona }}", "openings": ["Who"], "max_tokens": 9, "sentences": 1}
    recipe = write_recipe(
        tmp_path,
        method="zero_shot",
        fields={"riddle": {"description": "It."}},
        begun=begun,
        prefer="near_persona",
    )
    written = iter(["keeps a valley of quiet sheep, the keeper?", "has wool and no needle?"])
    made = make(tmp_path, recipe, HUB.head(1), teach(f"copied-{continues}", lambda _: next(written)), candidates=2)
    assert made.rows["riddle"].str.contains("sheep").to_list() == [not continues]


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("Jars: 2 * 9 = 18.\nAnswer: 18 jars", "18 jars"),
        ("Jars:\n\\[ 2 * 9 = 18 \\]\nSo the answer is \\(\\boxed{18}\\).", "18"),
        ("Jars: 2 * 9 = 18.\nKept: 18 / 2 = 9 jars.", "9 jars"),
        ("A price: 3 / 2 = $1.50", "$1.50"),
        ("There are 18 jars.", None),
        ("2 * 9 = 18, and so a good many of the jars are still left in the end.", None),
    ],
)
def test_a_solution_without_the_last_line_is_read_by_its_result(solution: str, answer: str | None) -> None:
    verdict = judge_answer(SOLUTIONS.content, SOURCE, {"text": solution})
    if answer is None:
        assert isinstance(verdict, Rejected)
        assert verdict.reason == "malformed"
        return
    assert isinstance(verdict, Accepted)
    assert verdict.values["answer"] == answer
    assert verdict.values["solution"] == solution.removesuffix(f"\nAnswer: {answer}")


def test_the_limit_counts_rows_read(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, fields={"riddle": {"description": "The riddle."}}, per_row=2)
    assert make(tmp_path, recipe, limit=3).accounting.planned == 6


def test_a_faulty_model_loses_nothing_silently(tmp_path: Path) -> None:
    made = make(tmp_path, PROBLEMS, model="scripted/faulty", candidates=1)
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
    verdict = judge_answer(recipe, SOURCE, {"text": "Who?"})
    assert isinstance(verdict, Rejected)
    assert verdict.reason == "malformed"
    full = judge_answer(recipe, SOURCE, {"text": "Who? Hint: I."})
    assert full == Accepted({"riddle": "Who?", "hint": "Hint: I."})


def test_a_field_of_white_space_is_malformed(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, answer="json", fields={"riddle": {"description": "x", "min_length": 3}})

    def answer(_: Sequence[Mapping[str, Any]]) -> str:
        return json.dumps({"riddle": "     "})

    assert make(tmp_path, recipe, HUB.head(1), teach("blank", answer)).reasons() == {"malformed": 1}


PROBLEM = pl.LazyFrame(
    {
        "item_id": ["itm_1"],
        "persona_id": ["per_1"],
        "persona": ["A cook."],
        "problem": ["How many jars are left of 40?"],
    }
)


def test_answers_that_nobody_shares_are_kept_apart(tmp_path: Path) -> None:
    written = iter(["2 * 9 = 18\nAnswer: 18 jars", "4 * 5 = 20\nAnswer: 20 jars", "40 / 2 = 20.0\nAnswer: 20 pots"])
    made = make(tmp_path, SOLUTIONS, PROBLEM, teach("disagreement", lambda _: next(written)), candidates=3)
    assert made.rows.is_empty()
    assert made.reasons() == {"no_agreement": 3}
    assert made.quarantined["row_id"].to_list() == ["itm_1"] * 3
    assert {"Answer: 18 jars", "Answer: 20 jars"} <= {raw.splitlines()[-1] for raw in made.quarantined["raw"]}


def test_several_models_solve_in_turn_and_the_row_says_who_wrote_it(tmp_path: Path) -> None:
    one = teach("solver-one", lambda _: "2 * 9 = 18\nAnswer: 18 jars")
    two = teach("solver-two", lambda _: "36 / 2 = 18\nAnswer: 18")
    ledger = Ledger.at(tmp_path / "ledger.sqlite")

    async def collect() -> list[Any]:
        team = ModelTeam([ModelClient(ModelSettings(name=name), ledger, Usage()) for name in (one, two)])
        asker = Asker(team, SOLUTIONS, "math_solutions", "shard", TaskSettings(candidates=2))
        return [batch async for batch in make_items(asker, PROBLEM, WORKSHOP)]

    try:
        rows = put_together(asyncio.run(collect())).rows
    finally:
        ledger.close()
    assert rows.select("answer", "model", "n_agree", "n_answers").rows() == [("18 jars", one, 2, 2)]


@pytest.mark.parametrize(
    ("program", "wanted"),
    [
        ("```python\nprint(4 * 5, 'jars')\n```", {"answer": ["20 jars"], "solution": ["4 * 5 = 20"], "n_agree": [2]}),
        (
            "```python\nprint(open('/etc/passwd').read())\n```",
            {"answer": [], "reasons": {"program_failed": 1, "no_agreement": 1}},
        ),
        ("```python\npass\n```", {"answer": [], "reasons": {"program_failed": 1, "no_agreement": 1}}),
    ],
)
def test_a_program_is_one_more_answer_and_never_the_row(program: str, wanted: dict[str, Any], tmp_path: Path) -> None:
    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        return program if "Python program" in str(messages[0]["content"]) else "4 * 5 = 20\nAnswer: 20 jars"

    model = teach(f"program-{len(program)}", answer)
    workshop = Workshop(load_seed_prompt(PROMPTS), compare_by_length, SandboxSettings(enabled=True))
    made = ask(
        tmp_path, SOLUTIONS, lambda asker: make_items(asker, PROBLEM, workshop), model, TaskSettings(candidates=1)
    )
    assert made.rows["answer"].to_list() == wanted["answer"]
    if "reasons" in wanted:
        assert made.reasons() == wanted["reasons"]
    else:
        assert made.rows["solution"].to_list() == wanted["solution"]
        assert made.rows["n_agree"].to_list() == wanted["n_agree"]


def test_no_program_is_asked_for_where_the_sandbox_is_off(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        asked.append(str(messages[0]["content"]))
        return "4 * 5 = 20\nAnswer: 20 jars"

    make(tmp_path, SOLUTIONS, PROBLEM, teach("no-program", answer), candidates=2)
    assert len(asked) == 2
    assert not any("Python program" in system for system in asked)


@pytest.mark.parametrize(("enabled", "reasons"), [(False, {"malformed": 2}), (True, {"no_agreement": 3})])
def test_a_program_that_nobody_asked_for_is_run_in_the_sandbox_alone_and_is_no_solution(
    enabled: bool, reasons: dict[str, int], tmp_path: Path
) -> None:
    model = teach(f"unasked-{enabled}", lambda _: "Let us see.\n```python\nprint(4 * 5)\n```")
    workshop = Workshop(load_seed_prompt(PROMPTS), compare_by_length, SandboxSettings(enabled=enabled))
    made = ask(
        tmp_path, SOLUTIONS, lambda asker: make_items(asker, PROBLEM, workshop), model, TaskSettings(candidates=2)
    )
    assert made.rows.is_empty()
    assert made.reasons() == reasons


def test_what_is_drawn_is_in_the_prompt_and_in_the_row(tmp_path: Path) -> None:
    made = make(tmp_path, PROBLEMS, draws={"focus": "knots and braids", "difficulty": {"primary": 1}}, candidates=1)
    assert set(made.rows["focus"]) == {"knots and braids"}
    assert set(made.rows["difficulty"]) == {"primary"}


def test_a_draw_that_the_recipe_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"tasks\..*draws\.topic: the recipe draws difficulty, focus"):
        make(tmp_path, PROBLEMS, draws={"topic": "knots"})


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
