"""PersonaGym's five tasks: whom is asked what, and how ratings become a PersonaScore."""

import json
from pathlib import Path

import pytest

from persona_assets.errors import LakeError
from persona_assets.evaluation.judge import load_rubric
from persona_assets.evaluation.persona_gym import (
    IN_DOMAIN,
    OUT_OF_DOMAIN,
    TASKS,
    ask_characters,
    group_marks,
    load_character_questions,
    read_questions,
)
from persona_assets.evaluation.scores import ROLE_PLAY, make_score
from persona_assets.sft.release import write_release
from persona_assets.sft.shards import ShardChoice
from persona_assets_tests.asking import PROMPTS
from persona_assets_tests.sft.candidates import make_candidates, make_families, make_mix

QUESTIONS = PROMPTS / "evaluation" / "character_questions.yaml"


def test_the_packaged_questions_are_of_the_five_tasks() -> None:
    questions = load_character_questions(QUESTIONS)
    assert set(questions) == set(TASKS)
    assert all(len(set(texts)) >= 3 for texts in questions.values())


@pytest.mark.parametrize("task", TASKS)
def test_the_packaged_rubric_has_a_scale_of_its_own_for_each_task(task: str) -> None:
    rubric = load_rubric(PROMPTS / "rubrics", "persona_gym", "persona_gym")
    scales = {
        kind: rubric.render(kind=kind, persona="A cook.", row="x", criteria={})[-1]["content"]
        for kind in (*TASKS, "another")
    }
    assert all(f"\n{step}: " in scales[task] for step in range(1, 6))
    assert list(scales.values()).count(scales[task]) == 1


def test_in_domain_and_out_of_domain_characters_are_apart(tmp_path: Path) -> None:
    people = [f"per_{n}" for n in range(30)]
    # Each persona of the test's candidates has its own system prompt.
    parts = [make_candidates([one], ("dialogues_g",), 2) for one in people]
    import polars as pl

    made = write_release(
        tmp_path / "m",
        "m",
        make_mix(weights={"dialogues_g": 1.0}, validation_share=0.3),
        pl.concat(parts),
        make_families({}),
        ShardChoice({}, {}),
    )
    asked = ask_characters(made.folder, load_character_questions(QUESTIONS), 4, 2)
    systems = {of: {question.system for question in asked if question.of == of} for of in (IN_DOMAIN, OUT_OF_DOMAIN)}
    assert len(systems[IN_DOMAIN]) == len(systems[OUT_OF_DOMAIN]) == 4
    assert not systems[IN_DOMAIN] & systems[OUT_OF_DOMAIN]
    assert len(asked) == 2 * 4 * len(TASKS) * 2
    # Not every character is asked the same.
    assert len({question.text for question in asked if question.task == "toxicity"}) > 2


def test_a_score_is_the_mean_of_a_characters_tasks_with_the_spread_between_characters(tmp_path: Path) -> None:
    path = tmp_path / "gym.jsonl"
    names = ["Expected Action", "Toxicity", "Linguistic Habits", "Persona Consistency", "Action Justification"]
    rows = [{"persona": f"A cook {n}", "questions": {name: ["Q1", "Q2"] for name in names}} for n in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = read_questions(path, 2, 1)
    assert len(asked) == 10
    assert asked[0].chat[0]["content"].startswith("You are A cook 0.")
    marks: list[float | None] = [5, 4, 3, 4, 4, 1, 2, None, 2, 3]
    grouped = group_marks(asked, marks)
    assert grouped["gym, PersonaScore"] == [4, 2]
    assert grouped["gym, expected_action"] == [5, 1]
    assert grouped["gym, linguistic_habits"] == [3]
    score = make_score(ROLE_PLAY, "gym, PersonaScore", "after", grouped["gym, PersonaScore"])
    assert (score.value, score.n, score.spread) == (3, 2, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ('{"persona": "A cook"}', "questions"),
        ('{"persona": "A cook", "questions": {"Courage": ["Q"]}}', "there is no task courage"),
    ],
)
def test_a_file_of_another_kind_is_named(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "gym.jsonl").write_text(content)
    with pytest.raises(LakeError, match=rf"gym\.jsonl.*{message}"):
        read_questions(tmp_path / "gym.jsonl", 3, 1)
