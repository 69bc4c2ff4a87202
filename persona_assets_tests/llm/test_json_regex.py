"""A schema's expression matches exactly the compact JSON that follows the schema."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.llm.json_regex import SchemaError, split_literal, to_regex, write_any_object

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 40},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "kind": {"enum": ["child", "grown-up (18+)"]},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 9}, "minItems": 1, "maxItems": 3},
        "alive": {"type": "boolean"},
        "note": {"type": ["string", "null"], "maxLength": 20},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


def accepts(schema: dict[str, Any], value: Any) -> bool:
    return re.fullmatch(to_regex(schema), json.dumps(value, ensure_ascii=False)) is not None


@given(
    name=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=2, max_size=40),
    age=st.integers(0, 120),
    kind=st.sampled_from(["child", "grown-up (18+)"]),
    tags=st.lists(st.text("abc é猫", max_size=9), min_size=1, max_size=3),
    note=st.none() | st.text("xyz ", max_size=20),
)
def test_every_value_of_the_schema_can_be_written(
    name: str, age: int, kind: str, tags: list[str], note: str | None
) -> None:
    assert accepts(PERSON, {"name": name, "age": age, "kind": kind, "tags": tags, "alive": True, "note": note})


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"const": "a.b"}, "a.b", "axb"),
        ({"type": "string", "maxLength": 3}, "abc", "abcd"),
        ({"type": "string", "minLength": 3}, "abcd", "ab"),
        ({"type": "string", "maxLength": 120}, "word " * 14 + "end", "word " * 25 + "end"),
        ({"type": "string", "pattern": "^A [a-z]+ who .+$"}, "A cook who sings", "A cook, who sings"),
        ({"type": "string", "pattern": "^[^0-9]+$"}, "none here", "1 here"),
        ({"type": "integer", "minimum": -3, "maximum": 11}, -3, 12),
        ({"type": "integer", "minimum": 1}, 7, -7),
        ({"type": "number"}, -1.5, "x"),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 2}, [], [1, 2, 3]),
        ({"anyOf": [{"type": "null"}, {"const": 1}]}, None, 2),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"enum": ["p", "q"]}}}, "q", "r"),
        ({"type": "object", "properties": {"a": {"type": "null"}}}, {"a": None}, {"b": None}),
    ],
)
def test_keywords_are_kept(schema: dict[str, Any], good: Any, bad: Any) -> None:
    assert accepts(schema, good)
    assert not accepts(schema, bad)


def test_white_space_cannot_run_on() -> None:
    written = json.dumps({"a": 1})
    expression = to_regex({"type": "object", "properties": {"a": {"type": "integer"}}})
    assert re.fullmatch(expression, written)
    assert not re.fullmatch(expression, written.replace(": ", ":\n\n"))


@given(
    first=st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30) | st.integers() | st.booleans(),
    opening=st.text("abc ,'d", max_size=20),
)
def test_the_text_that_every_match_begins_with_is_split_off(first: Any, opening: str) -> None:
    fields = {"first": {"const": first}, "second": {"type": "string", "pattern": f"^{opening}(?: [xy]+){{1,3}}$"}}
    expression = to_regex({"type": "object", "properties": fields})
    literal, rest = split_literal(expression)
    written = json.dumps({"first": first, "second": f"{opening} x yy"}, ensure_ascii=False)
    assert written.startswith(literal)
    assert not literal.endswith(" ")
    assert literal == written[: written.index(" x yy")].rstrip()
    assert re.fullmatch(rest, written[len(literal) :])


@pytest.mark.parametrize(
    ("expression", "literal", "rest"),
    [
        ("ab", "a", "b"),
        ("ab+c", "a", "b+c"),
        ("a{2}b", "", "a{2}b"),
        (r"\{x\.[0-9]", "{x.", "[0-9]"),
        ("(?:a|b)c", "", "(?:a|b)c"),
        ("a.", "a", "."),
    ],
)
def test_what_may_vary_is_not_split_off(expression: str, literal: str, rest: str) -> None:
    assert split_literal(expression) == (literal, rest)


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        ("^So I say(?: (?:[a-z]|[0-9]+)+){1,3}[.!]$", '"So I say'),
        (r"^So \(I\|you\) say[|(]?$", '"So (I|you) say'),
        ("^So I say|You say$", '"'),
        ("^So(?: I)|You say$", '"'),
    ],
)
def test_a_choice_within_a_pattern_does_not_keep_its_beginning_from_being_split_off(pattern: str, literal: str) -> None:
    expression = to_regex({"type": "string", "pattern": pattern})
    assert split_literal(expression)[0] == literal


def test_a_pattern_cannot_leave_its_string() -> None:
    expression = to_regex({"type": "string", "pattern": ".*"})
    assert not re.fullmatch(expression, '"a", "b"')
    assert not re.fullmatch(expression, '"a\nb"')


@given(st.dictionaries(st.text("abc", min_size=1, max_size=5), st.none() | st.booleans() | st.lists(st.text("xy"))))
def test_json_mode_takes_any_flat_object(value: dict[str, Any]) -> None:
    assert re.fullmatch(write_any_object(), json.dumps(value))


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"type": "nonsense"}, "nonsense"),
        ({"not": {}}, "not"),
        ({"$ref": "#/nowhere"}, "#/nowhere"),
        ({"$ref": "#"}, "leads nowhere"),
        ({"type": "array", "items": {"$ref": "#/items"}, "$defs": {}}, "refers to itself"),
        ({"type": "string", "minLength": 9, "maxLength": 2}, "minLength"),
        ({"type": "string", "pattern": "([a"}, "regular expression"),
        ({"type": "string", "pattern": "a(?=b)"}, "not supported"),
        ({"type": "string", "pattern": r"\w+\b"}, "not supported"),
        ({"type": "object", "properties": {}, "required": ["x"]}, "x"),
        ({"enum": []}, "no option"),
        ({"type": "integer", "minimum": 5, "maximum": 1}, "minimum"),
    ],
)
def test_a_schema_that_cannot_be_followed_is_named(schema: dict[str, Any], named: str) -> None:
    with pytest.raises(SchemaError, match=re.escape(named)):
        to_regex(schema)
