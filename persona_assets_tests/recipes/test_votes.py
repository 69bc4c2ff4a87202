"""Several answers to one question: the one that most agree on is kept, and compared with the writer's own."""

import asyncio
import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from persona_assets.errors import PromptError
from persona_assets.llm.asker import Asker
from persona_assets.llm.client import ModelClient
from persona_assets.llm.ledger import Ledger
from persona_assets.llm.team import ModelTeam
from persona_assets.llm.usage import Usage
from persona_assets.personas.persona_prompts import load_seed_prompt
from persona_assets.recipes.make import Workshop, make_items
from persona_assets.recipes.recipe import Recipe
from persona_assets.settings import ModelSettings, SandboxSettings, TaskSettings
from persona_assets_tests.asking import PROMPTS, Made, ask, compare_by_length, put_together
from persona_assets_tests.recipes.riddles import PROBLEM, write_recipe, write_solutions
from persona_assets_tests.scripted import teach


def solve(solution: str, answer: str) -> str:
    return json.dumps({"solution": solution, "answer": answer})


def make(
    folder: Path, recipe: Recipe, model: str, rows: pl.LazyFrame = PROBLEM, runs: bool = False, **task: Any
) -> Made:
    workshop = Workshop(load_seed_prompt(PROMPTS), compare_by_length, SandboxSettings(enabled=runs))
    return ask(folder, recipe, lambda asker: make_items(asker, rows, workshop), model, TaskSettings(**task))


def test_the_answer_that_most_agree_on_is_kept(tmp_path: Path) -> None:
    written = iter([solve("2 * 9", "18 jars"), solve("4 * 5", "$20"), solve("40 / 2", "20.00 dollars")])
    made = make(tmp_path, write_solutions(tmp_path), teach("agreement", lambda _: next(written)))
    # Which of the two is drawn first, and so kept, depends on time.
    assert made.rows["answer"][0] in {"$20", "20.00 dollars"}
    assert made.rows.select("n_agree", "n_answers", "source_item_id").row(0) == (2, 3, "itm_1")
    assert dict(made.accounting.dropped) == {"not_chosen": 2}


def test_answers_that_nobody_shares_are_kept_apart(tmp_path: Path) -> None:
    written = iter([solve("a", "18 jars"), solve("b", "20 jars"), solve("c", "20 pots")])
    made = make(tmp_path, write_solutions(tmp_path), teach("disagreement", lambda _: next(written)))
    assert made.rows.is_empty()
    assert made.reasons() == {"no_agreement": 3}
    assert made.quarantined["row_id"].to_list() == ["itm_1"] * 3


@pytest.mark.parametrize(
    ("own", "level", "flags", "reasons"),
    [
        ("20 jars", "flag", [[]], {}),
        ("20", "flag", [[]], {}),
        ("18 jars", "flag", [["answer_differs"]], {}),
        ("18 jars", "off", [[]], {}),
        ("18 jars", "refuse", [], {"answer_differs": 1}),
        (None, "refuse", [[]], {}),
    ],
)
def test_the_answer_of_the_writer_is_compared_with(
    own: str | None, level: str, flags: list[list[str]], reasons: dict[str, int], tmp_path: Path
) -> None:
    recipe = write_solutions(tmp_path, own="answer")
    content = recipe.content.model_dump(exclude_unset=True) | {"checks": {"answer_differs": level}}
    recipe = write_recipe(tmp_path, **content)
    rows = PROBLEM.with_columns(answer=pl.lit(own, pl.String))
    made = make(tmp_path, recipe, teach(f"own-{own}-{level}", lambda _: solve("4 * 5 = 20", "20 jars")), rows)
    assert made.rows["flags"].to_list() == flags
    assert made.reasons() == reasons


def test_several_models_solve_in_turn_and_the_row_says_who_wrote_it(tmp_path: Path) -> None:
    one = teach("solver-one", lambda _: solve("2 * 9 = 18", "18 jars"))
    two = teach("solver-two", lambda _: solve("36 / 2 = 18", "18"))
    recipe, ledger = write_solutions(tmp_path), Ledger.at(tmp_path / "ledger.sqlite")

    async def collect() -> list[Any]:
        team = ModelTeam([ModelClient(ModelSettings(name=name), ledger, Usage()) for name in (one, two)])
        asker = Asker(team, recipe, "riddles", "shard", TaskSettings(candidates=2))
        workshop = Workshop(load_seed_prompt(PROMPTS), compare_by_length, SandboxSettings())
        return [batch async for batch in make_items(asker, PROBLEM, workshop)]

    try:
        rows = put_together(asyncio.run(collect())).rows
    finally:
        ledger.close()
    assert rows.select("answer", "model", "n_agree", "n_answers").rows() == [("18 jars", one, 2, 2)]


@pytest.mark.parametrize(
    ("program", "answers", "reasons"),
    [
        ("```python\nprint(4 * 5, 'jars')\n```", ["20 jars"], {}),
        ("print(4 * 5)", ["20 jars"], {}),
        ("```python\nprint(open('/etc/passwd').read())\n```", [], {"program_failed": 1, "no_agreement": 1}),
        ("```python\npass\n```", [], {"program_failed": 1, "no_agreement": 1}),
        ("```python\nprint(19)\n```", [], {"no_agreement": 1}),
    ],
)
def test_a_program_is_one_more_answer_and_never_the_row(
    program: str, answers: list[str], reasons: dict[str, int], tmp_path: Path
) -> None:
    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        return program if "Python program" in str(messages[0]["content"]) else solve("4 * 5 = 20", "20 jars")

    model = teach(f"program-{len(program)}", answer)
    made = make(tmp_path, write_solutions(tmp_path, program=True), model, runs=True, candidates=1)
    assert made.rows["answer"].to_list() == answers
    assert made.reasons() == reasons
    if answers:
        assert made.rows.select("solution", "n_agree", "n_answers").row(0) == ("4 * 5 = 20", 2, 2)
        assert dict(made.accounting.dropped) == {"program": 1}
    # By their origin the replies are found when the persona is forgotten.
    (ledger,) = tmp_path.glob("*.sqlite")
    with closing(sqlite3.connect(ledger)) as connection:
        assert connection.execute("SELECT DISTINCT origin_id FROM responses").fetchall() == [("itm_1",)]


def test_no_program_is_asked_for_where_the_sandbox_is_off(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        asked.append(str(messages[0]["content"]))
        return solve("4 * 5 = 20", "20 jars")

    make(tmp_path, write_solutions(tmp_path, program=True), teach("no-program", answer))
    assert asked == ["You solve problems."] * 3


@pytest.mark.parametrize(
    ("task", "where"), [({"candidates": 1}, r"tasks\.riddles\.candidates is 1, and 2 answers of riddles must agree")]
)
def test_too_few_votes_are_named_before_anything_is_asked(task: dict[str, Any], where: str, tmp_path: Path) -> None:
    asked: list[object] = []
    with pytest.raises(PromptError, match=f"{where}.*set tasks.riddles.candidates to 2 or more"):
        make(tmp_path, write_solutions(tmp_path), teach("few-votes", lambda one: asked.append(one) or "x"), **task)
    assert asked == []
