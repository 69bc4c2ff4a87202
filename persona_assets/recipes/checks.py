"""The checks that a recipe file may name: each says in a word why a row is refused, or nothing."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from persona_assets.llm.answers import shares_run, speaks_as_model
from persona_assets.recipes.arithmetic import find_wrong_equation, read_numbers

Row = Mapping[str, Any]
Check = Callable[[Row, Row], str | None]
"""Takes the values of an answer and the row that was read."""

_PARTS = re.compile(
    r"(?:^|\s)\(?(?:[a-h]|i{1,3}|iv|v)\)|\([1-9]\)|^\s*[1-9][.)]\s|\bpart\s+(?:[b-h]|[1-9])\b", re.I | re.M
)
# A saline solution and "did not answer" belong to problems; a heading, or a result, does not.
_SOLUTION = re.compile(
    r"\b(?:solution|answer|explanation)\W{0,3}[:=]|\b(?:solution|answer) is\b|\bstep 1\b"
    r"|\blet'?s (?:solve|calculate|break)\b|\\boxed|####|=\s*\$?\d[\d.,]*\s*$",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?\W*$|\b(?:how (?:many|much|long|far|often|old|tall|fast)|what (?:is|are|was|will|percentage|fraction|would)"
    r"|find|calculate|determine|compute|which)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\d[\d.,]*|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|twice|dozen"
    r"|(?:third|quarter|fourth|fifth|sixth|eighth|tenth)s?)\b",
    re.IGNORECASE,
)


def asks_something(values: Row, _: Row) -> str | None:
    """The last sentence asks for something; a remark in brackets may follow it."""
    text = re.sub(r"\s*\([^()]*\)\s*$", "", _first(values))
    sentences = [part for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part]
    return None if sentences and _ASKS.search(sentences[-1]) else "asks_nothing"


def has_two_numbers(values: Row, _: Row) -> str | None:
    """There is something to reckon with: at least two numbers."""
    return None if len(_NUMBER.findall(_first(values))) >= 2 else "no_numbers"


def holds_no_solution(values: Row, _: Row) -> str | None:
    """The problem does not hold its own solution."""
    return "holds_solution" if _SOLUTION.search(_first(values)) else None


def has_two_parts_at_most(values: Row, _: Row) -> str | None:
    """At most two sub-problems."""
    text = _first(values)
    return "too_many_parts" if len(_PARTS.findall(text)) > 2 or text.count("?") > 2 else None


def reckons_right(values: Row, _: Row) -> str | None:
    """Every equation between plain numbers in the text is true."""
    wrong = find_wrong_equation(" \n".join(str(value) for value in values.values()))
    return "wrong_arithmetic" if wrong else None


def has_numeric_answer(values: Row, _: Row) -> str | None:
    """The field `answer` holds one number, with a unit perhaps."""
    return None if len(read_numbers(str(values.get("answer", "")))) == 1 else "no_single_answer"


def answer_follows(values: Row, _: Row) -> str | None:
    """The number of the field `answer` is one that the field `solution` arrives at, however it is written."""
    numbers = read_numbers(str(values.get("answer", "")))
    arrived = {abs(number) for number in read_numbers(str(values.get("solution", "")))}
    return None if numbers and abs(numbers[-1]) in arrived else "answer_not_derived"


def is_not_the_persona(values: Row, row: Row) -> str | None:
    """The text does not repeat the persona instead of using it."""
    return "copies_persona" if shares_run(_first(values), str(row["persona"]), 8) else None


def speaks_as_person(values: Row, _: Row) -> str | None:
    """No text speaks as a language model."""
    return "speaks_as_model" if any(speaks_as_model(str(value)) for value in values.values()) else None


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        asks_something,
        has_two_numbers,
        holds_no_solution,
        has_two_parts_at_most,
        reckons_right,
        has_numeric_answer,
        answer_follows,
        is_not_the_persona,
        speaks_as_person,
    )
}


def _first(values: Row) -> str:
    return str(next(iter(values.values())))
