"""The checks that a recipe file may name: each says in a word why a row is refused, or nothing."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from persona_assets.llm.answers import shares_run, speaks_as_model
from persona_assets.personas.callings import read_calling
from persona_assets.recipes.answers import equivalent
from persona_assets.recipes.arithmetic import find_wrong_equation, read_numbers
from persona_assets.recipes.quantities import read_quantity
from persona_assets.recipes.tools import find_code_flaw, find_interface_flaw
from persona_assets.recipes.worlds import World

Row = Mapping[str, Any]
Check = Callable[[Row, Row], str | None]
"""Takes the values of an answer and the row that was read, with what was drawn for it.

What it returns is a word for the accounting; what follows a colon is the detail.
"""

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

_HAN = re.compile(r"[\u3400-\u9fff]")
_LETTER = re.compile(r"[^\W\d_]")
_MOSTLY, _HARDLY = 0.5, 0.05
_COPIED = 8
"""Words in a row by which a text is a copy."""

_LONGEST_ANSWER = 8
_LABELLED = re.compile(
    r"^\W*(?:prompt|instruction|user|assistant|answer|response)\W{0,3}:", re.IGNORECASE | re.MULTILINE
)
_INTRODUCES = re.compile(r"^(?:the|this) (?:person|user|persona)\b|^as an? [^,.]{40,},", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_TELLS_OWN = re.compile(r"(?:(?:In|On|At|Every|After|Before|For)\b[^,.]{1,30},? )?(?:I|We|My|Our)\b")
_YOURS = re.compile(r"\b(?:your|yours|yourself)\b", re.IGNORECASE)
# What is wanted may be said in a statement, too.
_WANTS = re.compile(
    r"[?:\n]|\b(?:please|need|want|wish|would like|looking for|look for|wonder\w*|asking|request\w*|help|advice|ideas?"
    r"|suggest\w*|recommend\w*|how (?:to|do|can|should)|what (?:to|is|are|should))\b",
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


def has_short_answer(values: Row, _: Row) -> str | None:
    """The field `answer` is a result and no sentence: a quantity, or eight words at most."""
    answer = str(values.get("answer", ""))
    is_result = read_quantity(answer) is not None or 0 < len(answer.split()) <= _LONGEST_ANSWER
    return None if is_result else "no_single_answer"


def answer_follows(values: Row, _: Row) -> str | None:
    """The field `answer` is what the field `solution` arrives at, however it is written."""
    answer, solution = str(values.get("answer", "")), str(values.get("solution", ""))
    numbers = read_numbers(answer)
    if not numbers:
        return None if answer.casefold() in solution.casefold() or _arrives(answer, solution) else "answer_not_derived"
    arrived = {abs(number) for number in read_numbers(solution)}
    return None if abs(numbers[-1]) in arrived or _arrives(answer, solution) else "answer_not_derived"


def _arrives(answer: str, solution: str) -> bool:
    results = re.findall(r"=\s*([^=\n]+?)\s*[.;]?\s*(?:$|\n)", solution)
    return any(equivalent(answer, result) for result in results[-3:])


def is_not_the_persona(values: Row, row: Row) -> str | None:
    """No field repeats the persona instead of using it."""
    persona = str(row["persona"])
    return "copies_persona" if any(shares_run(str(value), persona, _COPIED) for value in values.values()) else None


def is_tool_interface(values: Row, _: Row) -> str | None:
    """The six fields of a tool fit each other: names are identifiers, types are types."""
    return find_interface_flaw(values)


def is_tool_code(values: Row, row: Row) -> str | None:
    """The code parses, compiles and lints, and has the function of the interface that was read. It is not run."""
    return find_code_flaw(_first(values), row)


def belongs_to_world(values: Row, row: Row) -> str | None:
    """The place and the faction are the world's; the text invents no others and does not recite the world."""
    world = World.model_validate(row["world"])
    strangers = world.find_strangers(values)
    texts = " ".join(str(value) for name, value in values.items() if name not in {"place", "faction"})
    invented = world.find_invented(texts, str(values.get("name", "")))
    if strangers or invented:
        return f"not_of_this_world: {', '.join(strangers or invented)}"
    return "copies_world" if shares_run(texts, f"{world.facts} {world.manner}", _COPIED) else None


def has_title(values: Row, _: Row) -> str | None:
    """The field `title` is a line of its own, and the text does not repeat it as its first line."""
    title = str(values.get("title", ""))
    return "no_title" if not 10 <= len(title) <= 200 or "\n" in title else None


def is_one_request(values: Row, _: Row) -> str | None:
    """The text is what a person would type: no label, no answer, nobody who only introduces or tells of themselves."""
    text = _first(values)
    if _LABELLED.search(text) or _INTRODUCES.match(text):
        return "not_a_request"
    sentences = [sentence for sentence in _SENTENCE_END.split(text.strip()) if sentence]
    is_told = not _WANTS.search(text) and all(map(_TELLS_OWN.match, sentences))
    return "asks_nothing" if is_told else None


def asks_for_oneself(values: Row, row: Row) -> str | None:
    """The text asks on the persona's behalf: not about what is the reader's, nor about the persona as somebody else."""
    text, calling = _first(values), read_calling(str(row["persona"]))
    who = calling.partition(" ")[2] if calling else ""
    is_told_of = " " in who and re.search(rf"(?<!as a )(?<!as an )\b{re.escape(who)}\b", text, re.IGNORECASE)
    return "asks_for_another" if is_told_of or _YOURS.search(text) else None


def is_in_language(values: Row, row: Row) -> str | None:
    """Every field is in the language that was drawn (`language`), as far as its script tells: Chinese, or not."""
    for text in map(str, values.values()):
        share = len(_HAN.findall(text)) / max(1, len(_LETTER.findall(text)))
        if share < _MOSTLY if row["language"] == "zh" else share > _HARDLY:
            return "other_language"
    return None


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
        has_short_answer,
        answer_follows,
        is_not_the_persona,
        is_tool_interface,
        is_tool_code,
        belongs_to_world,
        has_title,
        is_one_request,
        asks_for_oneself,
        is_in_language,
        speaks_as_person,
    )
}


def _first(values: Row) -> str:
    return str(next(iter(values.values())))
