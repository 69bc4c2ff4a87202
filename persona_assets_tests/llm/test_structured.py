"""Structured answers: clean, repaired or malformed, and nothing that a model writes breaks the reader."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from persona_assets.llm.structured import MalformedError, answer_schema, correction, parse_answer


class Profile(BaseModel):
    name: str = Field(min_length=2)
    age: int = Field(ge=1, le=120)


@pytest.mark.parametrize(
    ("text", "tier"),
    [
        ('{"name": "Ada", "age": 36}', "clean"),
        (' {"age": "36", "name": "Ada", "more": 1}\n', "clean"),
        ('```json\n{"name": "Ada", "age": 36}\n```', "repaired"),
        ('Here it is: {"name": "Ada", "age": 36}. Anything else?', "repaired"),
        ("{'name': 'Ada', 'age': 36,}", "repaired"),
        ('{"name": "Ada", "age": 36', "repaired"),
        ('[{"name": "Ada", "age": 36}]', "repaired"),
    ],
)
def test_an_answer_is_read(text: str, tier: str) -> None:
    assert parse_answer(text, Profile) == ({"name": "Ada", "age": 36}, tier)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no JSON object"),
        ("Ada, 36", "no JSON object"),
        ("[1, 2]", "no JSON object"),
        ('{"name": "Ada"}', "age: Field required"),
        ('{"name": "A", "age": 200}', "name: .*at least 2.*; age: .*less than or equal to 120"),
        ("[" * 100_000, "no JSON object"),
        ('{"a":' * 50_000, "no JSON object|required"),
        ('{"name": "Ada", "age": ' + "9" * 5_000 + "}", "no JSON object|age"),
        ('{"name": "Ada", "age": NaN}', "age"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, problem: str) -> None:
    with pytest.raises(MalformedError, match=problem):
        parse_answer(text, Profile)


@given(st.text(alphabet='{}[]",:\\ na1\ud83d', max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        parse_answer(text, Profile)
    except MalformedError as error:
        assert str(error)


@given(st.fixed_dictionaries({"name": st.text(min_size=2), "age": st.integers(1, 120)}))
def test_every_valid_answer_is_clean(values: dict[str, Any]) -> None:
    assert parse_answer(json.dumps(values), Profile) == (values, "clean")


def test_the_schema_is_closed_and_every_field_required() -> None:
    class WithDefault(BaseModel):
        name: str
        age: int = 3

    schema = answer_schema(WithDefault)
    assert schema == {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }


def test_the_second_ask_says_what_was_wrong() -> None:
    said, asked = correction("{oops", "age: Field required")
    assert said == {"role": "assistant", "content": "{oops"}
    assert "age: Field required" in asked["content"]
