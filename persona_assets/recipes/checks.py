"""The checks of a recipe's rows: those of every text, and those that a recipe file names on top."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from persona_assets.corpus.language import UNKNOWN
from persona_assets.personas.text_checks import doubt_text, doubt_voice, find_copied, is_in_language
from persona_assets.recipes.fields import FieldSpec
from persona_assets.recipes.tools import find_broken_code, find_interface_flaw, find_lint
from persona_assets.row_checks import Doubt, RowChecks

Row = Mapping[str, Any]

_SOLUTION = re.compile(
    r"(?:^|[.?!]\s)\W*(?:final |correct )?(?:answer|solution)\W{0,3}:\W*\w|\\boxed\s*\{\s*[^\s}]|#### ?\S",
    re.IGNORECASE | re.MULTILINE,
)
_FORMULA = re.compile(
    r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$|\\\(.*?\\\)|\\\[.*?\\\]|\\[A-Za-z]+|\b[A-Za-z]\b", re.DOTALL
)
_CODE = re.compile(r"[a-z]{2,3}")
_SENTENCE = 60
"""Characters of a text below which it may end anywhere: an answer, a name, a title."""
_LETTERS = 12
"""Letters outside of formulas from which a text has a language."""


def doubt_row(
    fields: Mapping[str, FieldSpec],
    named: Sequence[str],
    values: Row,
    source: Row,
    shown: Sequence[str],
    checks: RowChecks,
) -> Iterator[Doubt]:
    """Doubt an answer for what is wrong with any of its texts, and by the checks that the recipe names.

    Args:
        source: the row that was read, with what was drawn for it.
    """
    for name in named:
        detail = NAMED[name](values, source) if name in NAMED else None
        if detail:
            yield Doubt(name, detail)
    given, world = list_texts(source), list_texts(source.get("world"))
    for field, spec in fields.items():
        for text in spec.iter_prose(values[field]):
            yield from doubt_prose(text, checks, given, read_language(source), shown)
            yield from doubt_voice(text)
            # A row is to be used with what it was made from, but the lore of a world is no row's text.
            if copied := find_copied(text, world, int(checks.parameter("copies_source", "words"))):
                yield Doubt("copies_source", copied)


def doubt_prose(
    text: str, checks: RowChecks, given: Sequence[str], language: str | None, shown: Sequence[str]
) -> Iterator[Doubt]:
    """Doubt one text of a row.

    Args:
        given: what it was made from: contact data of theirs is theirs to keep, and the rest is there to be used.
        language: ISO 639-1 code that was asked for; None: any.
    """
    for doubt in doubt_text(text, checks, given):
        if doubt.check != "breaks_off" or len(text) >= _SENTENCE:
            yield doubt
    plain = _FORMULA.sub(" ", text)
    if language and sum(map(str.isalpha, plain)) >= _LETTERS and not is_in_language(plain, language):
        yield Doubt("other_language", f"not in {language}")
    if copied := find_copied(text, shown, int(checks.parameter("copies_demonstration", "words"))):
        yield Doubt("copies_demonstration", copied)


def doubt_turn(
    text: str, is_person: bool, checks: RowChecks, given: Sequence[str], language: str | None, shown: Sequence[str]
) -> Iterator[Doubt]:
    """Doubt one turn of a conversation; people, other than assistants, may break off and decline.

    Args:
        is_person: whether a person speaks.
        given: what was said before, and the row that was read.
        language: that was asked for; None: any.
    """
    doubts = doubt_prose(text, checks, given, language, shown)
    if not is_person:
        yield from doubts
        return
    yield from (doubt for doubt in doubts if doubt.check != "breaks_off")
    yield from doubt_voice(text)


def read_language(source: Row) -> str | None:
    """The language that a row was asked for in: the one drawn, else that of the row read; None where it is unknown."""
    language = str(source.get("language") or UNKNOWN)
    return language if _CODE.fullmatch(language) and language != UNKNOWN else None


def list_texts(value: object) -> list[str]:
    """Every text inside a value, however deep."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [text for one in inner for text in list_texts(one)]


def find_solution(values: Row, _: Row) -> str | None:
    """Find where the first field says its own solution outright."""
    found = _SOLUTION.search(_first(values))
    return found.group() if found else None


NAMED: Mapping[str, Callable[[Row, Row], str | None]] = {
    "holds_solution": find_solution,
    "bad_interface": lambda values, _: find_interface_flaw(values),
    "broken_code": lambda values, source: find_broken_code(_first(values), source),
    "lint": lambda values, source: find_lint(_first(values), source),
}
"""The checks that are made where a recipe file names them; each finds what is wrong, or nothing."""

OWN_FIELDS: Mapping[str, Sequence[str]] = {"bad_interface": ("function_name", "input_args", "return", "depend")}
"""Fields of the recipe that a named check looks at."""

SOURCE_COLUMNS: Mapping[str, Sequence[str]] = dict.fromkeys(
    ("broken_code", "lint"), ("function_name", "input_args", "depend")
)
"""Columns of the row read that a named check looks at."""


def _first(values: Row) -> str:
    return str(next(iter(values.values())))
