"""What the scripted model answers to each prompt file: deterministic, and right unless it is told to be wrong."""

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from persona_assets.settings import PACKAGE
from persona_assets_tests.scripted_recipes import RECIPE_WRITERS, write_answer_turn
from persona_assets_tests.scripted_words import (
    CIRCUMSTANCES,
    CLOSERS,
    COMMON,
    COMMON_VARIANTS,
    FILLERS,
    GOODS,
    HABITS,
    OCCUPATIONS,
    OPENERS,
    PLACES,
    QUALITIES,
    THINGS,
    draw_name,
    draw_persona,
    read_given,
)

REFUSAL = "I'm sorry, but I can't help with that."
_CORRECTION = "That does not fit:"
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Question:
    """What the model is asked.

    Attributes:
        system: the system text, or nothing.
        turns: the other messages, without the turns that only asked for a correction.
        schema: JSON schema of the answer, if there is one.
        max_tokens: limit of the answer, in words.
        draw: decides by messages and seed: differs between the candidates of a task.
        topic: decides by the messages alone: the same for all candidates of a task.
    """

    system: str
    turns: list[Mapping[str, Any]]
    schema: Mapping[str, Any] | None
    max_tokens: int
    draw: random.Random
    topic: random.Random

    @property
    def user(self) -> str:
        """The last thing asked."""
        return next((str(turn["content"]) for turn in reversed(self.turns) if turn["role"] == "user"), "")

    @property
    def examples(self) -> list[str]:
        """Earlier answers: the demonstrations, and what was said in a dialogue."""
        return [str(turn["content"]) for turn in self.turns if turn["role"] == "assistant"]


def drop_corrections(messages: list[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], bool]:
    """Leave out what asks again for a malformed answer; say whether there was any."""
    if len(messages) >= 2 and str(messages[-1]["content"]).startswith(_CORRECTION):
        return messages[:-2], True
    return messages, False


def write_answer(question: Question) -> str:
    """Answer as the task of the system text wants it."""
    return _WRITERS.get(_recognise(question.system), _write_anything)(question)


def _write_persona(question: Question) -> str:
    lot = question.topic.random()
    if lot < 0.03 and "volunteers at the local library" not in question.user:
        return COMMON
    if lot < 0.05 and "volunteers at the local library" not in question.user:
        return question.draw.choice(COMMON_VARIANTS)
    lot = question.draw.random()
    if lot < 0.03:
        return REFUSAL
    if lot < 0.05:
        return question.draw.choice(("", "-- ? --"))
    return draw_persona(question.draw)


def _write_profile(question: Question) -> str:
    draw, topic = question.draw, question.topic
    profile = {
        "name": draw_name(topic, "A.B."),
        "age": topic.randint(18, 85),
        "gender": topic.choice(("woman", "man", "non-binary")),
        "race": topic.choice(("Ethiopian", "Nordic", "Andean", "South Asian", "Polynesian", "Slavic", "Levantine")),
        "birthplace": f"{topic.choice(PLACES)} near {topic.choice(PLACES)}",
        "appearance": f"Rather {draw.choice(QUALITIES)} looking, with a coat that smells of {draw.choice(THINGS)}.",
        "experience": (
            f"Worked as a {draw.choice(OCCUPATIONS)} in {draw.choice(PLACES)} for {draw.randint(2, 30)} years,"
            f" then {draw.choice(HABITS)} {draw.choice(THINGS)} {draw.choice(CIRCUMSTANCES)}."
        ),
        "personality": (
            f"Mostly {draw.choice(QUALITIES)}, often {draw.choice(QUALITIES)}, never bored by {draw.choice(THINGS)}."
        ),
    }
    given = read_given(question.user)
    # Nobody works for longer than since the age of ten.
    most = max(1, int(given.get("age", 40)) - 11)
    profile["experience"] = re.sub(
        r"for (\d+) years", lambda found: f"for {min(int(found[1]), most)} years", profile["experience"]
    )
    return json.dumps({**profile, **given}, ensure_ascii=False)


def _write_rewrite(question: Question) -> str:
    originals = [
        part.strip()
        for part in re.findall(
            r"^Original answer \d+: (.*?)(?=^Question \d+: |^Character: |\Z)", question.user, re.MULTILINE | re.DOTALL
        )
    ]
    # A third of the room is for what stands between the words of the original.
    room = max(20, (question.max_tokens // max(1, len(originals)) - 40) * 2 // 3)
    answers = {
        f"answer_{number}": _rewrite(question, original, room) for number, original in enumerate(originals, start=1)
    }
    return json.dumps(answers, ensure_ascii=False)


def _rewrite(question: Question, original: str, room: int) -> str:
    head = " ".join(original.split(" ")[:room])
    lost = [number for number in dict.fromkeys(_NUMBER.findall(original)) if number not in head]
    figures = f" The figures left are {', '.join(lost)}." if lost else ""
    body = _break_runs(question, _talk(head))
    return f"{question.draw.choice(OPENERS)} I would say: {body}{figures} {question.draw.choice(CLOSERS)}"


def _talk(text: str) -> str:
    # Nobody speaks in headings, bold print or formulas.
    plain = re.sub(r"^ {0,3}#{1,6} +|\*\*|\$\$|\\[a-z]+|\\[\[\]()]", "", text, flags=re.MULTILINE)
    return plain.replace("`", "")


def _break_runs(question: Question, text: str) -> str:
    words = text.split(" ")
    fillers = (f"({question.draw.choice(FILLERS)})" for _ in words)
    return " ".join(f"{word} {next(fillers)}" if place % 4 == 3 else word for place, word in enumerate(words))


def _write_in_character(question: Question) -> str:
    draw = question.draw
    # The first turn begins with the character; later ones are the instruction alone.
    first, _, rest = question.user.partition("\n\n")
    instruction = rest if first.startswith("Character: ") else question.user
    words = re.findall(r"[^\W\d_]{5,}", instruction)[:40] or ["that"]
    return (
        f"{draw.choice(OPENERS)} For {draw.choice(words)} I would take {draw.choice(THINGS)} and ask a"
        f" {draw.choice(OCCUPATIONS)} in {draw.choice(PLACES)}, {draw.choice(CIRCUMSTANCES)}. {draw.choice(CLOSERS)}"
    )


def _write_anything(question: Question) -> str:
    if question.system.startswith("You are a helpful assistant."):
        return write_answer_turn(question)
    if question.schema is not None:
        return json.dumps(_fill_schema(question, question.schema), ensure_ascii=False)
    labels = _common_labels(question.examples)
    lines = [f"{label}: {_write_sentence(question)}" for label in labels] or [_write_sentence(question)]
    return "\n".join(lines)


def _fill_schema(question: Question, schema: Mapping[str, Any]) -> Any:
    if "pattern" in schema:
        return "_".join(re.findall(r"[a-z]+", _write_sentence(question).lower())[:2])
    if "enum" in schema:
        return question.draw.choice(list(schema["enum"]))
    kind = schema.get("type", "string")
    if kind == "object":
        return {name: _fill_schema(question, part) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [_fill_schema(question, schema.get("items", {})) for _ in range(max(1, schema.get("minItems", 1)))]
    if kind in {"integer", "number"}:
        least = int(schema.get("minimum", 1))
        return question.draw.randint(least, max(least, int(schema.get("maximum", least + 99))))
    if kind == "boolean":
        return question.draw.random() < 0.5
    text = _write_sentence(question)
    while len(text) < schema.get("minLength", 0):
        text += f" {_write_sentence(question)}"
    return text[: schema.get("maxLength", len(text))]


def _write_sentence(question: Question) -> str:
    draw = question.draw
    return (
        f"The {draw.choice(OCCUPATIONS)} of {draw.choice(PLACES)} needs {draw.randint(2, 99)} {draw.choice(GOODS)} and"
        f" {draw.randint(2, 99)} {draw.choice(GOODS)} {draw.choice(CIRCUMSTANCES)}; how many {draw.choice(GOODS)} is"
        " that?"
    )


def _common_labels(examples: list[str]) -> list[str]:
    found = [re.findall(r"^([A-Z][\w ]{2,30}):", example, re.MULTILINE) for example in examples]
    return [label for label in (found[0] if found else []) if all(label in labels for labels in found)]


@cache
def _known_systems() -> dict[str, str]:
    """The longest fixed piece of each prompt file's system text, by the file's name."""
    folder = PACKAGE.parent / "prompts"
    return {_squeeze(_longest_piece(folder / f"{name}.yaml")): name for name in _WRITERS}


def _longest_piece(path: Path) -> str:
    # What comes after the system text does not matter here, and a mistake there is for load_prompt to tell.
    system = yaml.safe_load(path.read_text(encoding="utf-8").partition("\nuser:")[0])["system"]
    return max(re.split(r"\{\{.*?\}\}|\{%.*?%\}", system), key=len)


def _squeeze(text: str) -> str:
    return " ".join(text.split())


def _recognise(system: str) -> str:
    plain = _squeeze(system)
    return next((name for piece, name in _known_systems().items() if piece in plain), "")


_WRITERS: dict[str, Callable[[Question], str]] = {
    "seed_personas": _write_persona,
    "expanded_personas": _write_persona,
    "character_profiles": _write_profile,
    "dialogues_r": _write_rewrite,
    "dialogues_g": _write_in_character,
    **RECIPE_WRITERS,
}
