"""The judge: ratings by a rubric, and how far two judges agree."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from persona_assets.errors import PromptError
from persona_assets.evaluation.judge import compare_judges, describe_row, draw_sample, load_rubric, rate_rows
from persona_assets.llm.asker import Asker
from persona_assets.settings import TaskSettings
from persona_assets_tests.asking import PROMPTS, open_client
from persona_assets_tests.scripted import teach

RUBRICS = PROMPTS / "rubrics"
ROWS = pl.DataFrame(
    {
        "item_id": [f"itm_{n}" for n in range(40)],
        "persona_id": ["per_1"] * 40,
        "persona": ["A baker of rye bread."] * 40,
        "problem": [f"A baker has {n} loaves and sells 3. How many are left?" for n in range(40)],
        "response_keys": [["k"]] * 40,
    }
)


def rate(folder: Path, model: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    async def collect() -> dict[str, dict[str, int]]:
        with open_client(folder, model) as client:
            asker = Asker(client, load_rubric(RUBRICS, "math_problems"), "judge", "", TaskSettings())
            return await rate_rows(asker, "math_problems", rows)

    return asyncio.run(collect())


def test_the_scripted_model_rates_every_row(tmp_path: Path) -> None:
    rated = rate(tmp_path, "scripted/plain", draw_sample(ROWS, 10, 0))
    assert len(rated) == 10
    assert all(one.keys() == {"sense", "persona", "use"} for one in rated.values())
    assert all(1 <= score <= 5 for one in rated.values() for score in one.values())


def test_a_judge_sees_row_persona_and_criteria_and_no_ids(tmp_path: Path) -> None:
    seen: list[str] = []

    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        seen.append(str(messages[-1]["content"]))
        return json.dumps({"reason": "It adds up.", "sense": 4, "persona": 3, "use": 5})

    rated = rate(tmp_path, teach("judge-a", answer), ROWS.head(1).to_dicts())
    assert rated == {"itm_0": {"sense": 4, "persona": 3, "use": 5}}
    assert "A baker of rye bread." in seen[0]
    assert "problem: A baker has 0 loaves" in seen[0]
    assert "Would you keep it in a training set?" in seen[0].partition("</text>")[2]
    assert "itm_0" not in seen[0]
    assert "per_1" not in seen[0]


def test_a_judge_writes_its_reason_first() -> None:
    model = load_rubric(RUBRICS, "math_problems").content.answer_model()
    assert list(model.model_fields) == ["reason", "sense", "persona", "use"]


@pytest.mark.parametrize("reply", ["very good", '{"sense": 9, "persona": 3, "use": 5}'])
def test_a_reply_that_is_no_rating_rates_nothing(reply: str, tmp_path: Path) -> None:
    assert rate(tmp_path, teach(f"judge-{reply[:4]}", lambda _: reply), ROWS.head(1).to_dicts()) == {}


def test_the_sample_is_the_same_in_every_run_and_grows(tmp_path: Path) -> None:
    few, more = ({row["item_id"] for row in draw_sample(ROWS, n, 3)} for n in (5, 9))
    assert few < more
    assert few == {row["item_id"] for row in draw_sample(ROWS.reverse(), 5, 3)}
    assert few != {row["item_id"] for row in draw_sample(ROWS, 5, 4)}


def test_judges_agree_or_not() -> None:
    one = {f"r{n}": {"sense": 1 + n % 5} for n in range(20)}
    [same] = compare_judges(one, one, ["sense"])
    assert (same.same, same.within_one, same.kappa) == (1, 1, 1)
    [near] = compare_judges(one, {row: {"sense": min(5, score["sense"] + 1)} for row, score in one.items()}, ["sense"])
    assert near.same == 0.2
    assert near.within_one == 1
    assert near.kappa is not None
    assert 0.5 < near.kappa < 1
    [flat] = compare_judges(one, {row: {"sense": 3} for row in one}, ["sense"])
    assert flat.kappa is None
    [none] = compare_judges(one, {}, ["sense"])
    assert none.rows == 0


def test_turns_are_read_in_order() -> None:
    row = {"dialogue_id": "d", "turns": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]}
    assert describe_row(row) == "user: Hi\nassistant: Yes"
    assert describe_row({"persona_id": "p", "persona": "A baker."}) == "A baker."


@pytest.mark.parametrize(
    ("asset", "criterion"), [("persona_hub", "particular"), ("dialogues_g", "voice"), ("tools", "sense")]
)
def test_each_kind_has_a_rubric(asset: str, criterion: str) -> None:
    assert criterion in load_rubric(RUBRICS, asset).content.criteria


def test_an_assets_own_rubric_goes_first_and_a_missing_one_is_named(tmp_path: Path) -> None:
    text = (RUBRICS / "rows.yaml").read_text(encoding="utf-8")
    (tmp_path / "tools.yaml").write_text(text.replace("sense:", "safety:"), encoding="utf-8")
    assert "safety" in load_rubric(tmp_path, "tools").content.criteria
    with pytest.raises(PromptError, match=r"mine\.yaml is missing"):
        load_rubric(tmp_path, "tools", "mine")
