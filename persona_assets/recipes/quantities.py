"""Quantities as people write them: "$1,200", "1.5 hours", "2 h 30 min", "2 1/2 cups", "45%", "12 boxes"."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import regex

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
_NUMBER = regex.compile(
    rf"(?P<sign>[-+])?\s*(?:(?P<whole>\d+)(?:\s+|-))?(?P<top>{_DIGITS})\s*/\s*(?P<bottom>\d+)"
    rf"|(?P<minus>[-+])?\s*(?P<plain>{_DIGITS})(?:\s*(?:[x*×]|\\times|\\cdot)\s*10\s*\^\s*\{{?(?P<power>[-+]?\d{{1,2}})\}}?"
    r"|e(?P<e>[-+]?\d{1,2}))?"
)
_CURRENCY = {
    "USD": "dollar",
    "EUR": "euro",
    "GBP": "pound_sterling",
    "$": "dollar",
    "€": "euro",
    "£": "pound_sterling",
    "¥": "yen",
}
_UNIT = r"(?:(?!(?:and|or)\b)[\p{L}°%¢µ.]+(?:\^\{?[23]\}?|[²³])?(?:\s*/\s*|[\s-])?)+"
_QUANTITY = regex.compile(
    rf"(?P<currency>-?[$€£¥]|USD|EUR|GBP)?\s*(?P<number>{_NUMBER.pattern})\s*-?(?P<unit>{_UNIT})?"
)
_WORD_NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
}
_SPELLED = {
    "%": "percent", "¢": "cent", "dollars": "dollar", "cents": "cent", "euros": "euro", "pounds": "pound",
    "usd": "dollar", "eur": "euro", "gbp": "pound_sterling", "yen": "yen", "hours": "hour", "hrs": "hour",
    "hr": "hour", "h": "hour", "minutes": "minute", "mins": "minute", "min": "minute", "seconds": "second",
    "secs": "second", "sec": "second", "s": "second", "days": "day", "weeks": "week", "months": "month",
    "years": "year", "yr": "year", "yrs": "year", "metres": "meter", "metre": "meter", "meters": "meter",
    "m": "meter", "kilometres": "kilometer", "kilometre": "kilometer", "kilometers": "kilometer", "km": "kilometer",
    "centimetres": "centimeter", "centimetre": "centimeter", "centimeters": "centimeter", "cm": "centimeter",
    "millimetres": "millimeter", "millimetre": "millimeter", "millimeters": "millimeter", "mm": "millimeter",
    "inches": "inch", "in": "inch", "feet": "foot", "ft": "foot", "yards": "yard", "yd": "yard", "miles": "mile",
    "mi": "mile", "grams": "gram", "gramme": "gram", "grammes": "gram", "g": "gram", "kilograms": "kilogram",
    "kilos": "kilogram", "kilo": "kilogram", "kg": "kilogram", "milligrams": "milligram", "mg": "milligram",
    "tonnes": "tonne", "ounces": "ounce", "oz": "ounce", "lbs": "pound", "lb": "pound", "litres": "liter",
    "litre": "liter", "liters": "liter", "l": "liter", "millilitres": "milliliter", "millilitre": "milliliter",
    "milliliters": "milliliter", "ml": "milliliter", "gallons": "gallon", "gal": "gallon", "cups": "cup",
    "pints": "pint", "quarts": "quart", "tablespoons": "tablespoon", "teaspoons": "teaspoon", "hectares": "hectare",
    "ha": "hectare", "acres": "acre", "degrees": "degree", "°": "degree", "radians": "radian", "rad": "radian",
    "mph": "mile/hour", "kmh": "kilometer/hour", "kph": "kilometer/hour", "watts": "watt", "w": "watt",
    "kw": "kilowatt", "kwh": "kilowatt_hour", "joules": "joule", "j": "joule", "°c": "celsius", "°f": "fahrenheit",
}  # fmt: skip
_KNOWN = {*_SPELLED.values(), "dollar", "cent", "euro", "percent"}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit.

    Attributes:
        value: the number as written, exactly; of "2 h 30 min" in the first unit.
        digits: decimals written; None for a fraction, which is exact.
        unit: a unit that has a size ("meter / hour"), or none.
        words: words after the number that are no such unit ("red apples").
    """

    value: Fraction
    digits: int | None
    unit: str = ""
    words: frozenset[str] = frozenset()


def read_number(text: str) -> tuple[Fraction, int | None] | None:
    """Read a text that is one number: its value, and how many decimals were written (None for a fraction)."""
    match = _NUMBER.fullmatch(text.strip())
    if not match:
        return None
    if match["top"]:
        if not int(match["bottom"]):
            return None
        value = Fraction(match["top"].replace(",", "")) / int(match["bottom"]) + int(match["whole"] or 0)
        return (-value if match["sign"] == "-" else value), None
    plain = match["plain"].replace(",", "")
    power = int(match["power"] or match["e"] or 0)
    value = Fraction(plain) * Fraction(10) ** power
    digits = max(0, len(plain.partition(".")[2]) - power)
    return (-value if match["minus"] == "-" else value), digits


def read_quantity(text: str) -> Quantity | None:
    """Read a text that is one quantity, perhaps in two units; None if it is something else."""
    text = " ".join(_WORD_NUMBERS.get(word.casefold(), word) for word in text.strip().split())
    matches = list(_QUANTITY.finditer(text))
    if not matches or regex.sub(r"[\s,]|\band\b", "", _QUANTITY.sub("", text)):
        return None
    parts = [_read_part(match) for match in matches]
    first = parts[0]
    if first is None or None in parts:
        return None
    for part in parts[1:]:
        assert part is not None  # noqa: S101 - looked for above
        size = _convert(part, first.unit) if part.unit and first.unit else None
        if size is None:
            return None
        first = Quantity(first.value + size, None, first.unit)
    return first


def is_same_quantity(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are equal, also in other units, as a percentage, or where one names no unit.

    Decimals may be rounded where at least three digits and two decimals stand: 3.33 is 10/3, 0.3 is not 1/3.
    """
    if one.words and other.words and not (one.words <= other.words or other.words <= one.words):
        return False
    if one.unit and other.unit:
        size = _convert(other, one.unit)
        digits = other.digits if one.unit == other.unit else None
        return size is not None and _is_close(one.value, one.digits, size, digits)
    if (one.unit or other.unit) and one.words | other.words:
        return False
    if _is_close(one.value, one.digits, other.value, other.digits):
        return True
    # A percentage without its sign is the number alone, and a share of one is it, too.
    shares = [q.value / 100 if q.unit == "percent" else q.value for q in (one, other)]
    return "percent" in {one.unit, other.unit} and _is_close(shares[0], None, shares[1], None)


def _read_part(match: Any) -> Quantity | None:
    number = read_number(match["number"])
    if number is None:
        return None
    value, digits = number
    currency = match["currency"] or ""
    value = -value if currency.startswith("-") else value
    unit, words = _read_unit(match["unit"] or "")
    if currency:
        if unit or words - {"dollar"}:
            return None
        unit, words = _CURRENCY[currency.removeprefix("-")], frozenset()
    return Quantity(value, digits, unit, words)


def _read_unit(text: str) -> tuple[str, frozenset[str]]:
    plain = text.strip(" .-").casefold().replace("²", "^2").replace("³", "^3")
    plain = regex.sub(r"\bsquare (\S+)", r"\1^2", plain)
    plain = regex.sub(r"\bcubic (\S+)", r"\1^3", plain)
    plain = regex.sub(r"\bsq\.? (\S+)", r"\1^2", plain)
    plain = regex.sub(r"\s*(?:/|\bper\b)\s*(?:an? )?", "/", plain)
    parts = [regex.fullmatch(r"([^\^]*?)(\^?[23])?", part) for part in plain.split("/")]
    names = [(_SPELLED.get(m[1].strip(), m[1].strip()), m[2]) for m in parts if m]
    if plain and all(name in _KNOWN for name, _ in names):
        return "/".join(f"{name}**{power[-1]}" if power else name for name, power in names), frozenset()
    return "", frozenset(_stem(word) for word in regex.findall(r"\p{L}+", plain)) - _FILLERS


_FILLERS = frozenset(
    {"a", "an", "the", "of", "in", "each", "per", "total", "altogether", "approximately", "about", "exactly"}
)


def _stem(word: str) -> str:
    singular = regex.sub(r"(?<=\w\w)ies$", "y", word)
    return str(regex.sub(r"(?<=\w\w)(?:(?<=ss|sh|ch|x)es|(?<!s)s)$", "", singular))


def _convert(quantity: Quantity, unit: str) -> Fraction | None:
    """The value of a quantity in another unit; None where the two measure different things."""
    if quantity.unit == unit:
        return quantity.value
    try:
        factor = _units()(quantity.unit).to(unit).magnitude
    except _unit_errors():
        # Pounds are a weight, or money.
        return quantity.value if {quantity.unit, unit} == {"pound", "pound_sterling"} else None
    return quantity.value * Fraction(factor).limit_denominator(10**9)


@cache
def _units() -> Any:
    import pint

    units: Any = pint.UnitRegistry()
    for line in (
        "dollar = [dollar]",
        "cent = 0.01 dollar",
        "euro = [euro]",
        "pound_sterling = [sterling]",
        "yen = [yen]",
    ):
        units.define(line)
    return units


@cache
def _unit_errors() -> tuple[type[Exception], ...]:
    import pint

    return (pint.DimensionalityError, pint.UndefinedUnitError, pint.OffsetUnitCalculusError)


def _is_close(one: Fraction, digits: int | None, other: Fraction, others: int | None) -> bool:
    if one == other:
        return True
    shorter, value, exact = (digits, one, other) if _places(digits) <= _places(others) else (others, other, one)
    if shorter is None or shorter < 2 or abs(value) * 10**shorter < 100:
        return False
    return abs(value - exact) <= Fraction(1, 2 * 10**shorter)


def _places(digits: int | None) -> float:
    return float("inf") if digits is None else digits
