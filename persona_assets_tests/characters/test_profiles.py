"""A persona made a character: eight attributes, each with a text of its own."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from persona_assets.characters.profiles import (
    ATTRIBUTES,
    PersonaContext,
    Profile,
    draw_initials,
    judge_profile,
    make_profiles,
)
from persona_assets.llm.tasks import Accepted, Rejected
from persona_assets.prompts import PromptFile, load_prompt
from persona_assets.records import CharacterProfiles
from persona_assets.settings import CharacterSettings, TaskSettings
from persona_assets_tests.asking import PROMPTS, Made, ask
from persona_assets_tests.characters.people import make_character
from persona_assets_tests.scripted import teach

PROMPT = load_prompt(PROMPTS / "character_profiles.yaml", PromptFile)
CONTEXT = PersonaContext("per_1", "A ferry captain who collects folk songs.")
VALUES: dict[str, Any] = {name: make_character()[name] for name in ATTRIBUTES}


def make(
    folder: Path,
    number: int,
    model: str = "scripted/plain",
    limit: int | None = None,
    task_limit: int | None = None,
    candidates: int = 1,
) -> Made:
    personas = pl.LazyFrame(
        {
            "persona_id": [f"per_{index}" for index in range(number)],
            "persona": [f"A keeper of {index} sheep in a quiet valley." for index in range(number)],
        }
    )
    settings = CharacterSettings(limit=limit)
    task = TaskSettings(limit=task_limit, candidates=candidates)
    return ask(folder, PROMPT, lambda asker: make_profiles(asker, personas, settings), model, task)


def test_each_persona_becomes_a_character(tmp_path: Path) -> None:
    rows = CharacterProfiles.validate(make(tmp_path, 12).rows)
    assert rows["persona_id"].to_list() == [f"per_{index}" for index in range(12)]
    assert rows["name"].n_unique() > 8
    assert rows["appearance"].n_unique() == 12
    for persona_id, name in rows.select("persona_id", "name").iter_rows():
        initials = draw_initials(persona_id)
        assert [word[0] for word in name.split()] == [initials[0], initials[2]]


@pytest.mark.parametrize(("limit", "task_limit", "rows"), [(None, None, 6), (4, None, 4), (None, 3, 3), (4, 2, 2)])
def test_the_smaller_limit_counts(limit: int | None, task_limit: int | None, rows: int, tmp_path: Path) -> None:
    assert make(tmp_path, 6, limit=limit, task_limit=task_limit).rows.height == rows


HERS = {
    "appearance": "Tall and slow, with a cap that she never takes off and a limp.",
    "experience": "She sailed on grain barges for nine years and then bought a ferry of her own with two brothers.",
    "personality": "Patient with children, short with inspectors, and proud of her silence.",
}


@pytest.mark.parametrize(("gender", "texts"), [("female", HERS), ("male", {})])
def test_a_short_attribute_that_a_demonstration_has_as_well_is_no_copy(
    gender: str, texts: dict[str, str], tmp_path: Path
) -> None:
    answer = json.dumps({**VALUES, **texts, "gender": gender, "race": "Scandinavian"})
    made = make(tmp_path, 1, teach(f"profile-{gender}", lambda _: answer))
    assert made.reasons() == {}
    assert made.rows["gender"].to_list() == [gender]


def test_a_copied_demonstration_is_refused(tmp_path: Path) -> None:
    answer = json.dumps(PROMPT.content.demonstrations[0].answer)
    assert make(tmp_path, 1, teach("profile-copy", lambda _: answer)).reasons() == {"copies_demonstration": 1}


def test_a_malformed_answer_is_asked_for_again(tmp_path: Path) -> None:
    def answer(messages: Any) -> str:
        asked_again = "does not fit" in messages[-1]["content"]
        return json.dumps(VALUES) if asked_again else json.dumps({**VALUES, "age": "very old"})

    rows = make(tmp_path, 1, teach("profile-again", answer)).rows
    assert rows["age"].to_list() == [44]
    assert rows["response_keys"].list.len().to_list() == [2]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("appearance", " " * 40),
        ("age", 3),
        ("age", 101),
        ("experience", "Sailed."),
        ("gender", "  "),
    ],
)
def test_attributes_without_substance_are_malformed(field: str, value: object, tmp_path: Path) -> None:
    model = teach(f"profile-bad-{field}-{value}", lambda _: json.dumps({**VALUES, field: value}))
    assert make(tmp_path, 1, model).reasons() == {"malformed": 1}


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("no_text", {"appearance": "Tall, with a {url}:https: ttlntv databltxtsr<br>|bzw czr and a blue cap."}),
        ("no_text", {"personality": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, calm"}),
        ("contact_data", {"experience": "He sells ferry tickets at captain@example.org since the flood of that year."}),
        ("speaks_as_model", {"personality": "As an AI language model, he is patient with children."}),
        ("repeated_attribute", {"personality": VALUES["appearance"]}),
        ("copies_persona", {"appearance": CONTEXT.persona}),
        ("no_name", {"name": "<NAME> [SURNAME]"}),
        ("no_name", {"name": "T.M.: Tom Miller"}),
        ("contradiction", {"gender": "woman"}),
    ],
)
def test_each_flaw_of_a_profile_has_its_word(reason: str, changes: dict[str, str]) -> None:
    verdict = judge_profile(CONTEXT, {**VALUES, **changes})
    assert isinstance(verdict, Rejected)
    assert verdict.reason == reason


def test_a_profile_that_contradicts_its_persona_is_refused_with_what_contradicts_what() -> None:
    verdict = judge_profile(PersonaContext("per_1", "A retired ferry captain."), {**VALUES, "age": 15})
    assert verdict == Rejected("contradiction", "the persona is 'A retired', the profile 15 years old")


def test_a_contradictory_profile_gives_way_to_the_other_candidate(tmp_path: Path) -> None:
    def answer(_: object) -> str:
        drawn.append("woman" if not drawn else "man")
        return json.dumps({**VALUES, "gender": drawn[-1]})

    drawn: list[str] = []
    made = make(tmp_path, 1, teach("profile-two", answer), candidates=PROMPT.content.candidates)
    assert made.rows["gender"].to_list() == ["male"]
    assert made.reasons() == {"contradiction": 1}


def test_a_right_profile_is_accepted_and_white_space_collapsed() -> None:
    verdict = judge_profile(CONTEXT, {**VALUES, "birthplace": "a  river\nport"})
    assert isinstance(verdict, Accepted)
    assert verdict.values["birthplace"] == "a river port"


def test_the_richer_profile_is_preferred() -> None:
    poor = {**VALUES, "appearance": "Tall tall and tall and tall.", "personality": "Calm and calm and so calm."}
    scores = [judge_profile(CONTEXT, values) for values in (poor, VALUES)]
    assert isinstance(scores[0], Accepted)
    assert isinstance(scores[1], Accepted)
    assert scores[0].score < scores[1].score


def test_initials_spread_over_the_alphabet() -> None:
    drawn = [draw_initials(f"per_{index}") for index in range(2_000)]
    assert len(set(drawn)) > 350
    assert draw_initials("per_1") == drawn[1]


def test_the_profile_has_the_eight_attributes_of_the_paper() -> None:
    assert tuple(Profile.model_fields) == ATTRIBUTES
