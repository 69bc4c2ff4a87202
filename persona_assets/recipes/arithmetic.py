"""Checks the plain arithmetic in a text: `12 * 4 = 48` is true, `12 * 4 = 46` is not."""

import ast
import operator
from collections.abc import Callable
from fractions import Fraction

import regex

_OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_PLAIN = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_NUMBER = rf"[$€£]?\s?{_PLAIN}%?"
_TERM = rf"\(*\s*{_NUMBER}\s*\)*"
# An equation is judged only where it begins and ends: not "x - 5 + 3 = 2", "20% of 50 + 5 = 15", "9:00 + 2 = 11:00".
_BEFORE = r"(?<![\w.,:^√(%]|[-+*/×÷^=√]\s*|\d\s|\b(?:of|x)\s+)"
_AFTER = (
    r"(?![\d:²³°]|[.,]\d|\(|\s*[+*/×÷^]|\s*-\s*[\d(]|\s\d|\s*[a-z]\d"
    r"|\s*(?:r\b|rem\b|remainder|dozen|hundred|thousand|million|billion|k\b|%)|\s+\p{L}+,?\s+(?:and\s+)?\d)"
)
_EQUATION = regex.compile(rf"{_BEFORE}({_TERM}(?:\s*[-+*/×÷x]\s*{_TERM})+)\s*=\s*(-?\s?{_NUMBER}){_AFTER}")
_BULLET = regex.compile(r"(?m)^\s*[-*•]\s+")
_SYMBOLS = str.maketrans({"×": "*", "÷": "/", "x": "*", "$": "", "€": "", "£": "", ",": "", " ": ""})
_ANY_NUMBER = regex.compile(rf"(?<![\w.^])(-?[$€£]?{_PLAIN})(?:/(\d+))?(?!\d)")


def find_wrong_equation(text: str) -> str | None:
    """Find an equation between plain numbers that is false.

    Args:
        text: any text. Equations with letters, powers, remainders, units in two parts or a percentage added
            to a number ("100 + 20% = 120") are not judged.

    Returns:
        The first false equation, or None. Results may be rounded as they are written.
    """
    for match in _EQUATION.finditer(_BULLET.sub("", text.replace("−", "-").replace("–", "-"))):
        value = _evaluate(match.group(1))
        if value is not None and not _is_rounding_of(match.group(2), value):
            return str(match.group().strip())
    return None


def read_numbers(text: str) -> list[Fraction]:
    """Read the numbers of a text by value: "$1,200.00", "1200" and "2400/2" are the same.

    Args:
        text: any text; digits within words ("m2") and exponents are no numbers.

    Returns:
        The numbers in order, exactly.
    """
    found = _ANY_NUMBER.findall(text.replace("−", "-"))
    parts = [(Fraction(number.translate(_SYMBOLS)), int(divisor or 1)) for number, divisor in found]
    return [number / divisor for number, divisor in parts if divisor]


def _evaluate(expression: str) -> Fraction | None:
    plain = expression.translate(_SYMBOLS)
    if "%" in plain and ("+" in plain or "-" in plain):
        return None
    try:
        return _reckon(ast.parse(regex.sub(r"([\d.]+)%", r"(\1/100)", plain), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError):
        return None


def _reckon(node: ast.expr) -> Fraction:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return Fraction(str(node.value))
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_reckon(node.left), _reckon(node.right))
    raise ValueError(f"not plain arithmetic: {ast.dump(node)}")


def _is_rounding_of(written: str, value: Fraction) -> bool:
    digits = written.translate(_SYMBOLS)
    number = digits.rstrip("%")
    tolerance = Fraction(1, 2 * 10 ** len(number.partition(".")[2]))
    is_percent = digits.endswith("%")
    return any(abs(value * factor - Fraction(number)) <= tolerance for factor in ((1, 100) if is_percent else (1,)))
