"""What the scripted model answers: by the request's JSON schema, in plain text where there is none."""

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from persona_assets_tests.scripted_words import (
    CIRCUMSTANCES,
    CLOSERS,
    COMMON,
    COMMON_VARIANTS,
    FILLERS,
    GOODS,
    OCCUPATIONS,
    OPENERS,
    PLACES,
    QUALITIES,
    RELATIONSHIPS,
    THINGS,
    draw_name,
    draw_persona,
)

REFUSAL = "I'm sorry, but I can't help with that."
_JSON = "JSON object"
_SHORT = frozenset({"name", "title"})
"""Fields that hold a few words."""
_SIGNATURE = re.compile(r"^([a-z_0-9]+)\((.*?)\) ->", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Question:
    """What the model is asked.

    Attributes:
        user: the last thing asked, without what only asked for a correction.
        schema: JSON schema of the answer; where only words ask for JSON, one of the fields that they name.
        draw: decides by messages and seed: differs between the candidates of a task.
        topic: decides by the messages alone: the same for all candidates of a task.
        errs: share of the sums that go wrong.
    """

    user: str
    schema: Mapping[str, Any] | None
    draw: random.Random
    topic: random.Random
    errs: float


def name_fields(user: str) -> Mapping[str, Any] | None:
    """Make a schema of the fields that a prompt names, where it asks for JSON by words alone."""
    if _JSON not in user:
        return None
    names = re.findall(r'"(\w+)":', user.rpartition(_JSON)[2]) or re.findall(r"^- (\w+)[:.]", user, re.MULTILINE)
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


def write_answer(question: Question) -> str:
    """Answer as the schema wants it."""
    if question.schema is None:
        signature = _SIGNATURE.search(question.user)
        return _write_code(question, signature) if signature else _write_talk(question)
    fields = question.schema.get("properties", {}).keys()
    write = next((write for known, write in _WRITERS.items() if fields >= set(known)), _fill)
    answer = write(question, question.schema)
    return answer if answer == REFUSAL else json.dumps(answer, ensure_ascii=False)


def _write_people(question: Question, schema: Mapping[str, Any], field: str, relation: str) -> Any:
    if question.draw.random() < 0.03:
        return REFUSAL
    number = schema["properties"][field].get("maxItems", 1)
    return {field: [_write_person(question, relation, place == 0) for place in range(number)]}


def _write_person(question: Question, relation: str, is_first: bool) -> dict[str, str]:
    draw, lot = question.draw, question.topic.random()
    persona = draw_persona(draw)
    # Some people are met again and again.
    if is_first and lot < 0.05 and COMMON[:40] not in question.user:
        persona = COMMON if lot < 0.03 else draw.choice(COMMON_VARIANTS)
    elif draw.random() < 0.03:
        persona = draw.choice(("", "n/a", f"A company that sells {draw.choice(THINGS)} from {draw.choice(PLACES)}."))
    said = "" if relation == "relation" else draw.choice(RELATIONSHIPS)
    return {relation: said, "persona": persona}


def _write_profile(question: Question, _: Mapping[str, Any]) -> Any:
    draw, topic = question.draw, question.topic
    return {
        "name": draw_name(topic),
        "age": topic.randint(18, 85),
        "gender": topic.choice(("woman", "man", "non-binary")),
        "race": topic.choice(("Ethiopian", "Nordic", "Andean", "South Asian", "Polynesian", "Slavic", "Levantine")),
        "birthplace": f"{topic.choice(PLACES)} near {topic.choice(PLACES)}",
        "appearance": f"Rather {draw.choice(QUALITIES)} looking, with a coat that smells of {draw.choice(THINGS)}.",
        "experience": (
            f"Worked as a {draw.choice(OCCUPATIONS)} in {draw.choice(PLACES)} for {draw.randint(2, 30)} years"
            f" {draw.choice(CIRCUMSTANCES)}."
        ),
        "personality": (
            f"Mostly {draw.choice(QUALITIES)}, often {draw.choice(QUALITIES)}, never bored by {draw.choice(THINGS)}."
        ),
    }


def _rewrite(question: Question, _: Mapping[str, Any]) -> Any:
    parts = re.split(r"^\[Original answer \d+\]$", question.user, flags=re.MULTILINE)[1:]
    originals = [re.split(r"^(?:\[User \d+\]$|Rewrite )", part, flags=re.MULTILINE)[0].strip() for part in parts]
    return {f"answer_{number}": _say_again(question, said) for number, said in enumerate(originals, start=1)}


def _say_again(question: Question, original: str) -> str:
    draw = question.draw
    words = [
        f"{word} ({draw.choice(FILLERS)})" if place % 4 == 3 else word for place, word in enumerate(original.split(" "))
    ]
    return f"{draw.choice(OPENERS)} I would say: {' '.join(words)} {draw.choice(CLOSERS)}"


def _write_problem(question: Question, _: Mapping[str, Any]) -> Any:
    draw = question.draw
    goods, boxes, each = draw.choice(GOODS), draw.randint(3, 40), draw.randint(4, 60)
    gone = draw.randint(2, boxes * each - 1)
    problem = (
        f"In {draw.choice(PLACES)}, a {draw.choice(OCCUPATIONS)} fills {boxes} boxes with {each} {goods} each and gives"
        f" {gone} of the {goods} to a friend. How many {goods} remain?"
    )
    left = boxes * each - gone
    return {"problem": problem, "working": f"{boxes} * {each} - {gone} = {left}", "answer": f"{left} {goods}"}


def _write_solution(question: Question, _: Mapping[str, Any]) -> Any:
    numbers = [int(number) for number in re.findall(r"\b\d{1,9}\b", question.user)]
    boxes, each, gone = numbers[:3] if len(numbers) >= 3 else (6, 7, 2)
    goods = re.search(r"How many (.+) remain", question.user)
    unit = goods[1] if goods else "units"
    filled = boxes * each
    # Those who err do not agree with each other, as a rule.
    if question.draw.random() < question.errs:
        filled += question.draw.randint(1, 1_000)
    steps = f"In all: {boxes} * {each} = {filled} {unit}.\nWhat is left: {filled} - {gone} = {filled - gone} {unit}."
    return {"solution": steps, "answer": f"{filled - gone} {unit}"}


def _write_code(question: Question, signature: re.Match[str]) -> str:
    arguments = re.findall(r"(\w+): \w+", signature[2])
    # Now and then there is an argument too many.
    if question.draw.random() < question.errs:
        arguments.append("more")
    return (
        f"```python\nfrom collections import Counter\n\n\ndef {signature[1]}({', '.join(arguments)}):\n"
        f"    counts = Counter()\n    for line in str({arguments[0]}).splitlines():\n"
        f"        counts[line.strip()] += {question.draw.randint(1, 9)}\n    return dict(counts)\n```"
    )


def _write_talk(question: Question) -> str:
    draw = question.draw
    return (
        f"{draw.choice(OPENERS)} Take {draw.randint(2, 99)} {draw.choice(GOODS)} and {draw.choice(THINGS)} to"
        f" {draw.choice(PLACES)}, {draw.choice(CIRCUMSTANCES)}. {draw.choice(CLOSERS)}"
    )


def _fill(question: Question, schema: Mapping[str, Any], field: str = "") -> Any:
    draw = question.draw
    if "enum" in schema:
        return draw.choice(list(schema["enum"]))
    if "pattern" in schema:
        return f"{draw.choice(GOODS)}_{draw.randint(1, 999)}"
    kind = schema.get("type", "string")
    if kind == "object":
        return {name: _fill(question, part, name) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [_fill(question, schema.get("items", {})) for _ in range(schema.get("minItems", 1))]
    if kind in {"integer", "number"}:
        least = int(schema.get("minimum", 1))
        return draw.randint(least, max(least, int(schema.get("maximum", least + 99))))
    if kind == "boolean":
        return draw.random() < 0.5
    if field in _SHORT:
        return f"{draw.choice(QUALITIES)} {draw.choice(THINGS)}".capitalize()
    if "Language: 中文" in question.user:
        return f"我家住在城{draw.choice('东西南北')}边第{draw.randint(2, 99)}号，那边没有门是不是我就没有家？"
    return _write_talk(question)


_WRITERS: Mapping[tuple[str, ...], Callable[[Question, Mapping[str, Any]], Any]] = {
    ("personas",): lambda question, schema: _write_people(question, schema, "personas", "relation"),
    ("relatives",): lambda question, schema: _write_people(question, schema, "relatives", "relationship"),
    ("name", "age", "birthplace"): _write_profile,
    ("answer_1",): _rewrite,
    ("problem", "answer"): _write_problem,
    ("solution", "answer"): _write_solution,
}
"""Answers whose fields have to fit each other, or what was asked; all others are filled by the schema."""
