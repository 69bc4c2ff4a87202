"""A persona made a character: eight attributes, each with a text of its own."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from persona_assets.characters.contradictions import OLDEST
from persona_assets.characters.draws import Drawn, draw_character
from persona_assets.characters.profile_prompt import load_profile_prompt
from persona_assets.characters.profiles import (
    ATTRIBUTES,
    PersonaContext,
    Profile,
    fix_given,
    judge_profile,
    make_profiles,
)
from persona_assets.llm.json_regex import split_literal, to_regex
from persona_assets.llm.structured import answer_schema
from persona_assets.llm.tasks import Accepted, Rejected
from persona_assets.records import CharacterProfiles
from persona_assets.settings import CharacterSettings, TaskSettings
from persona_assets_tests.asking import PROMPTS, Made, ask
from persona_assets_tests.characters.people import make_character
from persona_assets_tests.scripted import teach
from persona_assets_tests.scripted_words import read_given

PROMPT = load_profile_prompt(PROMPTS)
DRAWN = Drawn(None, "R.O.", "male", 44, None, None, {})
CONTEXT = PersonaContext("per_1", "A ferry captain who collects folk songs.", DRAWN)
VALUES: dict[str, Any] = {**{name: make_character()[name] for name in ATTRIBUTES}, "gender": "male"}


def follow(**changes: Any) -> Callable[[Any], str]:
    """Answers with what is given, and otherwise always the same."""
    return lambda messages: json.dumps({**HIS_OR_HERS, **read_given(messages[-1]["content"]), **changes})


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
        drawn = draw_character(persona_id, "A keeper of sheep in a quiet valley.", PROMPT.content, with_hints=False)
        assert [word[0] for word in name.split()] == [drawn.initials[0], drawn.initials[2]]


@pytest.mark.parametrize(("limit", "task_limit", "rows"), [(None, None, 6), (4, None, 4), (None, 3, 3), (4, 2, 2)])
def test_the_smaller_limit_counts(limit: int | None, task_limit: int | None, rows: int, tmp_path: Path) -> None:
    assert make(tmp_path, 6, limit=limit, task_limit=task_limit).rows.height == rows


HIS_OR_HERS = {
    **VALUES,
    "appearance": "Tall and slow, with a cap that hides the eyes and a limp.",
    "experience": "Sailed on grain barges and then bought a ferry with two brothers, who left it again.",
    "personality": "Patient with children, short with inspectors, and proud of many silent days.",
}


def test_a_short_attribute_that_a_demonstration_has_as_well_is_no_copy(tmp_path: Path) -> None:
    made = make(tmp_path, 4, teach("profile-short", follow()))
    assert made.reasons() == {}
    assert made.rows["gender"].n_unique() > 1


def test_a_copied_demonstration_is_refused(tmp_path: Path) -> None:
    answer = json.dumps(PROMPT.content.demonstrations[0].answer)
    assert make(tmp_path, 1, teach("profile-copy", lambda _: answer)).reasons() == {"copies_demonstration": 1}


def test_a_malformed_answer_is_asked_for_again(tmp_path: Path) -> None:
    def answer(messages: Any) -> str:
        asked_again = "does not fit" in messages[-1]["content"]
        return follow()(messages[:-2]) if asked_again else follow(age="very old")(messages)

    rows = make(tmp_path, 1, teach("profile-again", answer)).rows
    assert rows.height == 1
    assert rows["response_keys"].list.len().to_list() == [2]


@pytest.mark.parametrize(
    ("persona", "ages"),
    [
        ("A 2-year-old toddler.", {2}),
        ("A 101-year-old farmer.", {101}),
        ("A 300-year-old vampire.", set(range(18, OLDEST + 1))),
    ],
)
def test_the_age_that_a_persona_says_is_that_of_the_profile(persona: str, ages: set[int], tmp_path: Path) -> None:
    personas = pl.LazyFrame({"persona_id": ["per_1"], "persona": [persona]})
    model = teach(
        f"profile-of-{persona}", follow(experience="Hummed the songs of the house before anybody had taught them.")
    )
    made = ask(tmp_path, PROMPT, lambda asker: make_profiles(asker, personas, CharacterSettings()), model)
    assert made.reasons() == {}
    assert made.rows["age"].item() in ages


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("appearance", " " * 40),
        ("age", 0),
        ("age", 121),
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
        ("repeated_attribute", {"personality": f"He {VALUES['appearance'].partition(' ')[2]} And he sulks."}),
        ("copies_persona", {"appearance": CONTEXT.persona}),
        ("no_name", {"name": "<NAME> [SURNAME]"}),
        ("no_name", {"name": "T.M.: Tom Miller"}),
        ("no_name", {"name": "K. S."}),
        ("no_name", {"name": "K.S."}),
        ("no_name", {"name": "Liam S"}),
        ("no_people", {"race": "Ghana", "birthplace": "Kumasi, Ghana"}),
        ("no_people", {"race": "Kumasi, Ghana", "birthplace": "Kumasi, Ghana"}),
        ("contradiction", {"gender": "woman"}),
        ("mixed_script", {"personality": "He is a listener, and whoever asks gets the时间 that is needed."}),
        ("no_birthplace", {"birthplace": "a hospital in Lagos"}),
        ("ignores_draw", {"age": 60}),
    ],
)
def test_each_flaw_of_a_profile_has_its_word(reason: str, changes: dict[str, str]) -> None:
    verdict = judge_profile(CONTEXT, {**VALUES, **changes})
    assert isinstance(verdict, Rejected)
    assert verdict.reason == reason


def test_a_profile_that_contradicts_its_persona_is_refused_with_what_contradicts_what() -> None:
    verdict = judge_profile(
        PersonaContext("per_1", "A retired ferry captain.", replace(DRAWN, age=15)), {**VALUES, "age": 15}
    )
    assert verdict == Rejected("contradiction", "the persona is 'A retired', the profile 15 years old")


def test_a_contradictory_profile_gives_way_to_the_other_candidate(tmp_path: Path) -> None:
    def answer(messages: Any) -> str:
        drawn.append(1)
        return follow(
            **({"experience": "Sailed for over 90 years on the same grain barge."} if len(drawn) == 1 else {})
        )(messages)

    drawn: list[int] = []
    made = make(tmp_path, 1, teach("profile-two", answer), candidates=PROMPT.content.candidates)
    assert made.rows.height == 1
    assert made.reasons() == {"contradiction": 1}


@pytest.mark.parametrize(
    "changes", [{"gender": "non-binary"}, {"age": 50}, {"race": "Greek"}, {"birthplace": "Rome"}, {"name": "Ann Lee"}]
)
def test_what_was_drawn_is_kept(changes: dict[str, Any]) -> None:
    drawn = Drawn("Ruben Okafor", "R.O.", "male", 44, "West African", "Kumasi, Ghana", {})
    context = replace(CONTEXT, drawn=drawn)
    values = {**VALUES, "birthplace": "Kumasi, Ghana"}
    assert isinstance(judge_profile(context, values), Accepted)
    verdict = judge_profile(context, {**values, **changes})
    assert isinstance(verdict, Rejected)
    assert verdict.reason == "ignores_draw"


def test_a_model_that_goes_on_with_answers_finds_what_is_given_written() -> None:
    drawn = Drawn("Ruben Okafor", "R.O.", "male", 44, "West African", "Kumasi, Ghana", {})
    begun, _ = split_literal(to_regex(answer_schema(fix_given(drawn))))
    assert begun == (
        '{"name": "Ruben Okafor", "age": 44, "gender": "male", "race": "West African", "birthplace": "Kumasi, Ghana",'
        ' "appearance": "'
    )
    assert fix_given(replace(drawn, name=None)) is Profile


def test_hints_are_asked_of_small_models_alone(tmp_path: Path) -> None:
    assert "Appearance to use:" not in ask_for(tmp_path, CharacterSettings())
    assert "Appearance to use:" in ask_for(tmp_path, CharacterSettings(hints="always"))


def ask_for(folder: Path, settings: CharacterSettings) -> str:
    seen: list[str] = []

    def answer(messages: Any) -> str:
        seen.extend(message["content"] for message in messages if message["role"] == "user")
        return follow()(messages)

    personas = pl.LazyFrame({"persona_id": ["per_1"], "persona": ["A keeper of sheep."]})
    model = teach(f"profile-hints-{settings.hints}", answer)
    ask(folder, PROMPT, lambda asker: make_profiles(asker, personas, settings), model, TaskSettings(candidates=1))
    return "\n".join(seen)


def test_the_hints_in_few_words_are_preferred() -> None:
    hints = {"build": "tall and slow", "past": "sailed on grain barges for nine years", "manner": "patient"}
    context = replace(CONTEXT, drawn=replace(DRAWN, hints=hints))
    rich, plain = (
        {**VALUES, "experience": text}
        for text in (
            "He sailed on grain barges for nine years and then bought a ferry, sold it, and bought a train and a tram.",
            "He sailed on grain barges for nine years without a word.",
        )
    )
    scores = [judge_profile(context, values) for values in (rich, plain)]
    assert isinstance(scores[0], Accepted)
    assert isinstance(scores[1], Accepted)
    assert scores[0].score < scores[1].score


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


def test_the_profile_has_the_eight_attributes_of_the_paper() -> None:
    assert tuple(Profile.model_fields) == ATTRIBUTES
