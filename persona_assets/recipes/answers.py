"""Whether two answers to one mathematics problem are the same, however they are written."""

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

from persona_assets.recipes.quantities import is_same_quantity, read_quantity

_LONGEST = 200
_PART = re.compile(r"\(([a-hA-H])\)\s*")
_WRAPPERS = re.compile(r"\\(?:boxed|text|textbf|mathrm|mathbf|mbox|displaystyle)\s*\{([^{}]*)\}")
_IGNORED = re.compile(
    r"\\(?:left|right|displaystyle|[,;:! ])|\$(?!\s?\d)|(?<=\d)\{,\}(?=\d)|^\W*(?:the )?(?:final )?answer(?: is)?\W*",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"^(?:(?:it|there|he|she|they|the [\w' ]{1,40}?|this) (?:is|are|was|were|has|have|equals?)\s+(?=[\d$€£(\\.-]))"
    r"|^(?:they|she|he|it|we|you|i) \w+ (?=[\d$€£])"
    r"|^(?:approximately|approx\.?|about|roughly|around|exactly|a total of|in total)\s+|^[≈~]\s*",
    re.IGNORECASE,
)
_SCALED = re.compile(r"\b(\d[\d,]*(?:\.\d+)?) (dozen|hundred|thousand|million|billion|trillion)\b", re.IGNORECASE)
_SCALES = {"dozen": 12, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_OUT_OF = re.compile(r"^(\d+) out of (\d+)\b")
_HALVES = {"one half": "1/2", "a half": "1/2", "half": "1/2", "one third": "1/3", "two thirds": "2/3", "a third": "1/3",
           "one quarter": "1/4", "a quarter": "1/4", "three quarters": "3/4", "one fourth": "1/4"}  # fmt: skip
_FRACTION = re.compile(r"(?:(?<=\d)|(-))?\\[dt]?frac\s*(?:\{(\d+)\}\s*\{(\d+)\}|(\d)\s*(\d))")
_SYMBOLS = {
    "−": "-", "–": "-", "×": "*", "·": "*", "÷": "/", "≤": r"\leq ", "≥": r"\geq ", "π": r"\pi ", "∞": r"\infty ",
    "√": r"\sqrt ", "½": " 1/2", "¼": " 1/4", "¾": " 3/4", "⅓": " 1/3", "⅔": " 2/3", "∪": r"\cup ", "∈": r"\in ",
    "\\%": "%", "\\$": "$", "^\\circ": "°", "^{\\circ}": "°",
}  # fmt: skip
_VARIABLE = re.compile(r"^\s*([a-zA-Z](?:_\d)?)\s*=\s*(?=\S)(?!.*[=<>])")
_FUNCTIONS = {"sqrt", "pi", "sin", "cos", "tan", "log", "ln", "exp", "abs", "oo", "or", "and", "in"}
_TOWER = re.compile(r"\^\s*\{?[^{}]*\^|\*\*.*\*\*|(?:\^|\*\*)\s*[{(]?\s*-?\d{3,}|\d{3,}\s*!|\d{60,}|!\s*!")
_CLOCK = re.compile(r"\d:\d.*[A-Za-z]")
_PLUS_MINUS = re.compile(r"(.+?)\\pm(.+)")
_SEPARATOR = re.compile(r"[()\[\]{}]|;|,(?!\d{3}(?!\d))|,(?=\s)|\s(?:and|or)\s")
_OPEN, _CLOSED = "([{", ")]}"


@lru_cache(maxsize=4096)
def equivalent(a: str, b: str) -> bool:
    r"""Whether two answers mean the same.

    Numbers are compared by value (fractions, percentages, LaTeX, digits grouped or spelled, roundings of three
    digits), quantities in any unit of the same kind, several answers in any order, coordinates and
    intervals by their ends; what is no such thing goes to `math-verify`, and words must be equal.

    Args:
        a: an answer: "3/4", "\frac{3}{4}", "75%", "$1,200", "1.5 hours", "x = 2 or x = 3", "[0, 2)", "Anna".

    Returns:
        True where both say the same; a number without a unit is the same as with one.
    """
    parts = _split_parts(a), _split_parts(b)
    if parts[0] and parts[0].keys() == parts[1].keys():
        return all(equivalent(part, parts[1][label]) for label, part in parts[0].items())
    return _is_same(_simplify(a), _simplify(b))


def _is_same(one: str, other: str) -> bool:
    if one == other:
        return bool(one)
    if not one or not other:
        return False
    quantities = read_quantity(one), read_quantity(other)
    if quantities[0] and quantities[1]:
        return is_same_quantity(quantities[0], quantities[1])
    lists = _split(one), _split(other)
    if len(lists[0]) > 1 or len(lists[1]) > 1:
        return _is_same_list(*lists)
    if not _is_formula(one) or not _is_formula(other):
        return _words(one) == _words(other)
    return _verify(one, other)


def _split_parts(text: str) -> dict[str, str]:
    """The parts of "(a) 7; (b) 3/8" by their labels; nothing where there are not two of them."""
    pieces = _PART.split(text.strip())
    labels = [label.casefold() for label in pieces[1::2]]
    if pieces[0] or len(labels) < 2 or len(set(labels)) < len(labels):
        return {}
    return dict(zip(labels, (piece.strip(" ;,.") for piece in pieces[2::2]), strict=True))


def count_equivalent(answers: Sequence[str]) -> list[int]:
    """For each of some answers, how many of them are equivalent to it, itself included."""
    return [sum(equivalent(answer, other) for other in answers) for answer in answers]


def _simplify(text: str) -> str:
    text = text.strip()
    for mark, plain in _SYMBOLS.items():
        text = text.replace(mark, plain)
    text = _FRACTION.sub(_write_fraction, text)
    while text != (shorter := _WRAPPERS.sub(r"\1", text)):
        text = shorter
    text = _IGNORED.sub("", text)
    text = _LEAD.sub("", " ".join(text.split()).strip().rstrip(".").strip())
    text = _SCALED.sub(_write_scaled, text)
    text = _HALVES.get(text.casefold().replace("-", " "), _OUT_OF.sub(r"\1/\2", text))
    text = _VARIABLE.sub("", text)
    return re.sub(r"^\((.*)\)$", r"\1", text) if _is_wrapped_number(text) else text


def _write_fraction(match: re.Match[str]) -> str:
    top, bottom = (match[2], match[3]) if match[2] else (match[4], match[5])
    before = match.string[match.start() - 1 : match.start()]
    return f"{' ' if before.isdigit() else match[1] or ''}{top}/{bottom}"


def _write_scaled(match: re.Match[str]) -> str:
    value = Fraction(match[1].replace(",", "")) * _SCALES[match[2].casefold()]
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def _is_wrapped_number(text: str) -> bool:
    return bool(re.fullmatch(r"\(-?[\d./]+\)", text))


def _split(text: str) -> list[str]:
    """The members of "2 and 3", "{2, 3}", "x = 2 or x = 3", "a; b"; of anything else the whole."""
    inner = text.strip()
    if inner.startswith(("{", "\\{")) and inner.endswith("}"):
        inner = inner.removeprefix("\\").removeprefix("{").removesuffix("}").removesuffix("\\")
    if found := _PLUS_MINUS.fullmatch(inner):
        return [f"{found[1]}+{found[2]}", f"{found[1]}-{found[2]}"]
    parts, depth, start = [], 0, 0
    for match in _SEPARATOR.finditer(inner):
        mark = match.group()
        if mark in _OPEN or mark in _CLOSED:
            depth += 1 if mark in _OPEN else -1
        elif depth == 0:
            parts.append(inner[start : match.start()])
            start = match.end()
    parts.append(inner[start:])
    members = [part.strip() for part in parts if part.strip()]
    return [_VARIABLE.sub("", member) for member in members] if len(_name_variables(members)) == 1 else members


def _name_variables(members: Sequence[str]) -> set[str]:
    return {found[1] for member in members if (found := _VARIABLE.match(member))}


def _is_same_list(one: Sequence[str], other: Sequence[str]) -> bool:
    left = list(other)
    for member in one:
        same = next((place for place, candidate in enumerate(left) if _is_same_member(member, candidate)), None)
        if same is None:
            return False
        del left[same]
    return not left


def _is_same_member(one: str, other: str) -> bool:
    return _name_variables([one]) == _name_variables([other]) and equivalent(one, other)


def _is_formula(text: str) -> bool:
    """Whether math-verify may read it: no words, which it takes for products of letters, and nothing endless."""
    if len(text) > _LONGEST or _TOWER.search(text) or _CLOCK.search(text):
        return False
    return all(word in _FUNCTIONS for word in re.findall(r"(?<!\\)\b[A-Za-z]{2,}", text))


def _words(text: str) -> str:
    plain = re.sub(r"[^\w\s:+-]", " ", re.sub(r"\b([ap])\.?\s?m\b\.?", r"\1m", text.casefold()))
    return " ".join(re.sub(r"\b0(?=\d:)", "", re.sub(r"(?<=\d)\s+(?=[ap]m\b)", "", plain)).split())


def _verify(one: str, other: str) -> bool:
    parse, verify, errors = _load_math_verify()
    try:
        # It looks for the first in the second, so that "x > 1" and "(1, oo)" are the same one way round only.
        left, right = (parse(f"${text}$", parsing_timeout=0) for text in (one, other))
        return bool(verify(left, right, timeout_seconds=0) or verify(right, left, timeout_seconds=0))
    except errors:
        # What it cannot read is no formula that two answers could share: they count as different, and are kept apart.
        return False


@cache
def _load_math_verify() -> tuple[Any, Any, tuple[type[Exception], ...]]:
    import logging

    from math_verify import parse, verify

    # Its own time limits are signals, which threads do not have: what could be endless is kept from it instead.
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    return parse, verify, (ValueError, TypeError, AttributeError, RecursionError, NotImplementedError, ArithmeticError)
