"""The arithmetic check: true equations are never flagged, false ones always, others not judged."""

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from persona_assets.recipes.arithmetic import find_wrong_equation, read_numbers

NUMBERS = st.integers(1, 999_999)
OPERATORS = st.sampled_from(
    [("+", "+"), ("-", "-"), ("*", "*"), ("/", "/"), ("×", "*"), ("÷", "/"), ("x", "*"), ("–", "-")]
)
STYLES = st.sampled_from(["{}", "{:,}", "${:,}", "{}.00"])
FRAMES = st.sampled_from(
    ["{}", "Cost: {}.", "So {}, which is much.", "- {}\n", "We get {} dollars.", "a) {} (rounded)"]
)


@st.composite
def expressions(draw: st.DrawFn) -> tuple[str, Fraction]:
    """An expression of two to four numbers, and its value."""
    first = draw(NUMBERS)
    text, plain = draw(STYLES).format(first), str(first)
    for _ in range(draw(st.integers(1, 3))):
        sign, plain_sign = draw(OPERATORS)
        number = draw(NUMBERS)
        text, plain = f"{text} {sign} {draw(STYLES).format(number)}", f"{plain} {plain_sign} Fraction({number})"
    return text, Fraction(eval(f"Fraction({first}){plain[len(str(first)) :]}", {"Fraction": Fraction}))


def write(value: Fraction, decimals: int) -> str:
    scaled = round(value * 10**decimals)
    digits = f"{abs(scaled):0{decimals + 1}}"
    whole, rest = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    return f"{'-' if scaled < 0 else ''}{whole}{'.' + rest if rest else ''}"


@given(expressions(), st.integers(0, 4), FRAMES)
def test_true_equations_are_never_flagged(made: tuple[str, Fraction], decimals: int, frame: str) -> None:
    text, value = made
    assert find_wrong_equation(frame.format(f"{text} = {write(value, decimals)}")) is None


@given(expressions(), st.integers(0, 4), FRAMES, st.integers(1, 10**6), st.sampled_from([1, -1]))
def test_false_equations_are_always_flagged(
    made: tuple[str, Fraction], decimals: int, frame: str, off: int, sign: int
) -> None:
    text, value = made
    wrong = value + Fraction(sign * off, 10**decimals)
    written = write(wrong, decimals)
    # A half may be rounded either way.
    assume(abs(Fraction(written) - value) > Fraction(1, 2 * 10**decimals))
    assert find_wrong_equation(frame.format(f"{text} = {written}")) is not None


@pytest.mark.parametrize(
    "text",
    [
        "12 * 4 = 48",
        "(2 + 3) * 4 = 20",
        "2 * (3 + 4) = 14",
        "10 / 3 = 3.33",
        "2 / 3 = 0.667",
        "0.1 + 0.2 = 0.3",
        "3 - 5 = -2",
        "-5 + 8 = 3",
        "15% * 80 = 12",
        "3 / 4 = 75%",
        "25 * 4% = 1",
        "$1,200.50 + $99.50 = $1,300",
        "36 + 9 = 45 km. 45 / 18 = 2.5 hours",
        "15 * 80 = 1200; 1200 - 200 = 1000",
    ],
)
def test_true_equations_of_many_shapes(text: str) -> None:
    assert find_wrong_equation(text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("12 * 4 = 46", "12 * 4 = 46"),
        ("First 2 + 2 = 4, then 3 * 3 = 10.", "3 * 3 = 10"),
        ("(2 + 3) * 4 = 14", "(2 + 3) * 4 = 14"),
        ("3 - 5 = -1", "3 - 5 = -1"),
        ("10 / 3 = 3.34", "10 / 3 = 3.34"),
        ("12 * 4 = 48.4", "12 * 4 = 48.4"),
        ("1,200 + 300 = 1,600", "1,200 + 300 = 1,600"),
        ("* 5 + 5 = 11", "5 + 5 = 11"),
        ("15 * 80 = 120 (grams)", "15 * 80 = 120"),
    ],
)
def test_the_first_false_equation_is_named(text: str, found: str) -> None:
    assert find_wrong_equation(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "x - 5 + 3 = 2",
        "15 pages x 1/3 = 5 pages",
        "2x + 5 + 3 = 15",
        "20% of 50 + 5 = 15",
        "100 + 20% = 120",
        "9:00 + 2 = 11:00",
        "2^3 + 1 = 9",
        "√16 + 2 = 6",
        "1/2 + 1/4 = 30/40",
        "11 / 4 = 2 remainder 3",
        "11 ÷ 4 = 2 R 3",
        "100 / 60 = 1 hour 40 minutes",
        "500,000 + 500,000 = 1 million",
        "1 200 + 300 = 1 500",
        "1,5 * 2 = 3",
        "3² + 4² = 25",
        "5 / 0 = 0",
        "a + b = 7",
        "4 + 4 = 2 * 4",
        "2 + 2 = 4x",
        "no equation at all",
        "",
    ],
)
def test_what_is_not_plain_is_not_judged(text: str) -> None:
    assert find_wrong_equation(text) is None


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("$1,200.00", [1200]),
        ("60 minutes.", [60]),
        ("45 m2 or 45 m^2", [45, 45]),
        ("3/4 of it", [Fraction(3, 4)]),
        ("-5 degrees", [-5]),
        ("−5 degrees", [-5]),
        ("36-9=27", [36, 9, 27]),
        ("1200 - 200", [1200, 200]),
        ("7, 8", [7, 8]),
        ("5/0", []),
        ("2.5/100", [Fraction(1, 40)]),
        ("none", []),
    ],
)
def test_numbers_are_read_by_value(text: str, numbers: list[int]) -> None:
    assert read_numbers(text) == numbers


@given(st.text(alphabet="0123456789+-*/×÷x=()., %$€²³^:−–RkR٣४ \n", max_size=40))
def test_no_text_is_too_strange(text: str) -> None:
    find_wrong_equation(text)
    read_numbers(text)
