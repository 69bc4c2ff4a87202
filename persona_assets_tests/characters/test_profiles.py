"""A persona made a character: eight attributes in the persona's language."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from persona_assets.characters.profiles import ATTRIBUTES, PersonaContext, Profile, judge_profile, make_profiles
from persona_assets.characters.suggestions import load_profile_prompt
from persona_assets.llm.tasks import Accepted, Rejected
from persona_assets.records import CharacterProfiles
from persona_assets.row_checks import RowChecks
from persona_assets.settings import CharacterSettings, TaskSettings
from persona_assets_tests.asking import PROMPTS, Made, ask
from persona_assets_tests.characters.people import make_character
from persona_assets_tests.scripted import teach

CONTEXT = PersonaContext("per_1", "A ferry captain who collects folk songs.", "en")
VALUES: dict[str, Any] = {name: make_character()[name] for name in ATTRIBUTES}


def make(
    folder: Path,
    number: int,
    answer: Any,
    limit: int | None = None,
    task_limit: int | None = None,
    attributes: str = "free",
) -> Made:
    personas = pl.LazyFrame(
        {
            "persona_id": [f"per_{index}" for index in range(number)],
            "persona": [f"A keeper of {index} sheep in a quiet valley." for index in range(number)],
            "language": ["en", "und", "en", "en", "en", "en"][:number],
        }
    )
    model = teach(f"profiles-{folder.name}", answer)
    return ask(
        folder,
        load_profile_prompt(PROMPTS, attributes),
        lambda asker: make_profiles(asker, personas, CharacterSettings(limit=limit)),
        model,
        TaskSettings(limit=task_limit),
    )


def tell(_: object) -> str:
    return json.dumps(VALUES)


def test_each_persona_becomes_a_character_in_one_call(tmp_path: Path) -> None:
    rows = CharacterProfiles.validate(make(tmp_path, 6, tell).rows, cast=True)
    assert rows["persona_id"].to_list() == [f"per_{index}" for index in range(6)]
    assert rows["character_id"].n_unique() == 6
    assert rows["flags"].to_list() == [[]] * 6
    assert rows["response_keys"].list.len().to_list() == [1] * 6


@pytest.mark.parametrize(("limit", "task_limit", "rows"), [(None, None, 6), (4, None, 4), (None, 3, 3), (4, 2, 2)])
def test_the_smaller_limit_counts(limit: int | None, task_limit: int | None, rows: int, tmp_path: Path) -> None:
    assert make(tmp_path, 6, tell, limit, task_limit).rows.height == rows


def test_attributes_are_suggested_where_a_file_says_so(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        asked.append(str(messages[-1]["content"]))
        return tell(messages)

    (tmp_path / "one.yaml").write_text("country: {Peru: 1}")
    for folder, attributes in (("free", "free"), ("file", str(tmp_path / "one.yaml"))):
        (tmp_path / folder).mkdir()
        # What is suggested is not enforced.
        assert make(tmp_path / folder, 1, answer, attributes=attributes).rows.height == 1
    assert "Suggested" not in asked[0]
    assert "Suggested: country: Peru" in asked[1]


def test_a_malformed_answer_is_asked_for_again(tmp_path: Path) -> None:
    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        asked_again = "does not fit" in str(messages[-1]["content"])
        return json.dumps(VALUES if asked_again else {**VALUES, "age": "very old"})

    rows = make(tmp_path, 1, answer).rows
    assert rows["response_keys"].list.len().to_list() == [2]


@pytest.mark.parametrize(
    ("field", "value"), [("appearance", " " * 40), ("age", 0), ("age", 121), ("experience", "Sailed."), ("gender", " ")]
)
def test_attributes_without_substance_are_malformed(field: str, value: object, tmp_path: Path) -> None:
    assert make(tmp_path, 1, lambda _: json.dumps({**VALUES, field: value})).reasons() == {"malformed": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"gender": "genderfluid"},
        {"age": 2},
        {"name": "Sukarno"},
        {"race": "Akan", "birthplace": "Kumasi, Ghana"},
        {"experience": "Born in 1980. Since 1998 she has baked; she had a son at 19 and buried two husbands."},
        {"appearance": "A beard, a blue coat, and a scar (left cheek); 1.70 m tall."},
        {"personality": "I'd say: " + "stubborn, generous and loud. " * 40},
        {"experience": "A ferry captain who collects folk songs, and has sailed on grain barges for nine years."},
    ],
)
def test_what_a_strong_model_writes_is_no_flaw(changes: dict[str, Any]) -> None:
    verdict = judge_profile(RowChecks(), CONTEXT, {**VALUES, **changes})
    assert isinstance(verdict, Accepted)
    assert set(verdict.values["flags"]) <= ({"repetition"} if "loud" in str(changes) else set())


def test_contact_data_refuses_the_row() -> None:
    changed = {**VALUES, "experience": "He sells ferry tickets at captain@ferry-lines.com since the flood."}
    verdict = judge_profile(RowChecks(), CONTEXT, changed)
    assert isinstance(verdict, Rejected)
    assert verdict.reason == "contact_data"


@pytest.mark.parametrize(
    ("flag", "changes"),
    [
        ("declines", {"personality": "I'm sorry, but I can't help with that."}),
        ("assistant_voice", {"personality": "Patient with children, as I am an AI language model."}),
        (
            "other_language",
            {"experience": "Er fuhr neun Jahre lang auf Getreidekähnen und kaufte dann eine eigene Fähre am Fluss."},
        ),
        ("breaks_off", {"personality": "Patient with children, short with inspectors, and proud of the"}),
    ],
)
def test_each_doubt_flags_the_row(flag: str, changes: dict[str, str]) -> None:
    verdict = judge_profile(RowChecks(), CONTEXT, {**VALUES, **changes})
    assert isinstance(verdict, Accepted)
    assert verdict.values["flags"] == [flag]


def test_a_persona_of_an_unknown_language_may_have_any_profile() -> None:
    german = {"experience": "Er fuhr neun Jahre lang auf Getreidekähnen und kaufte dann eine eigene Fähre am Fluss."}
    verdict = judge_profile(RowChecks(), PersonaContext("per_1", "???"), {**VALUES, **german})
    assert isinstance(verdict, Accepted)
    assert verdict.values["flags"] == []


def test_white_space_is_collapsed() -> None:
    verdict = judge_profile(RowChecks(), CONTEXT, {**VALUES, "birthplace": "a  river\nport"})
    assert isinstance(verdict, Accepted)
    assert verdict.values["birthplace"] == "a river port"


def test_the_profile_has_the_eight_attributes_of_the_paper() -> None:
    assert tuple(Profile.model_fields) == ATTRIBUTES
