"""Doubts about what characters say: silent on what a strong model writes, and not on what is wrong."""

import pytest

from persona_assets.characters.checks import doubt_answer, doubt_rewrite, find_wanted_language
from persona_assets.row_checks import RowChecks
from persona_assets_tests.characters.people import make_session

LECTURE = (
    "The bridge has three spans.\n\n## Spans\n\n- **North:** 40 m\n- **South:** 45 m\n\nThe longest is \\(x^2\\) with"
    " $x = 7$, as built since 1998.\n\n```python\nprint(7 ** 2)\n```"
)


def doubt(question: str, answer: str, original: str = "") -> list[str]:
    session = make_session(question, original) if original else make_session(question)
    return [doubt.check for doubt in doubt_answer(session, 0, answer, RowChecks())]


def doubt_as_rewrite(question: str, original: str, answer: str) -> list[str]:
    return [doubt.check for doubt in doubt_rewrite(make_session(question, original), 0, answer, RowChecks())]


@pytest.mark.parametrize(
    "answer",
    [
        LECTURE,
        "Canberra, love.",
        "I'd love to. Sit down and I'll show you how the knot goes.",
        "Sure as the tide: at the quay by six.",
        "I'm afraid I couldn't tell you, dear. I never owned a computer; ask my grandson.",
        "Sorry, I can't say. The bridge was built long after I left the river.",
        "In that order:\n\n1. Rope\n2. Anchor\n3. Song",
        "I should have asked my brothers, and I would do so again.",
        "They call me Ruben, and Ruben is what it says on the ferry.",
    ],
)
def test_what_a_strong_model_writes_raises_no_doubt(answer: str) -> None:
    assert doubt("How long is the bridge?", answer) == []


@pytest.mark.parametrize(
    ("answer", "check"),
    [
        ("I'm sorry, but I can't assist with that request.", "declines"),
        ("I cannot provide advice on bridges.", "declines"),
        ("As an AI language model I have no ferry.", "assistant_voice"),
        ("Write to my ferry at captain@ferry-lines.com.", "contact_data"),
        (
            "El puente tiene tres arcos de piedra y mide ciento veinte metros de un lado al otro.",
            "other_language",
        ),
        ("Me? He sailed on grain barges for nine years and then bought a ferry of his own.", "recites_profile"),
        ("The bridge and the bridge and the bridge and the bridge and the bridge and the bridge.", "repetition"),
        (f"{'I count the arches when I pass under them. ' * 3}And then I go on to the", "breaks_off"),
    ],
)
def test_each_flaw_of_an_answer_has_its_check(answer: str, check: str) -> None:
    assert check in doubt("How long is the bridge over the river in the town where you live?", answer)


def test_what_the_session_says_may_be_said_again() -> None:
    text = "the old bridge over the river in our town is very long and very grey indeed, see www.bridges.org/town"
    assert doubt(f"Correct this: {text}", f"As I would write it in the log: {text}.") == []


def test_a_refusal_of_a_character_is_no_refusal_of_the_row() -> None:
    session = make_session("How?")
    doubts = doubt_answer(session, 0, "I'm sorry, but I can't help with that.", RowChecks())
    assert RowChecks().settle(doubts) == ["declines"]


@pytest.mark.parametrize(
    ("question", "original", "language"),
    [
        ("How long is the bridge over the river in our town?", "", "en"),
        ("¿Cuánto mide el puente viejo sobre el río de nuestra ciudad?", "120 m", "es"),
        ("Translate into French: how long is the bridge over the river?", "", None),
        (
            "Translate into German: how long is the bridge over the river, and who built it?",
            "Wie lang ist die Brücke über den Fluss, und wer hat sie vor so vielen Jahren gebaut?",
            "de",
        ),
        ("???", "", None),
    ],
)
def test_the_language_wanted(question: str, original: str, language: str | None) -> None:
    session = make_session(question, original) if original else make_session(question)
    assert find_wanted_language(session, 0) == language


ORIGINAL = "My bridge has 3 arches, is 120 metres long, 14 wide and was built in 1931 by 200 men."


@pytest.mark.parametrize(
    ("answer", "checks"),
    [
        ("Three arches, lad, 120 metres. Two hundred men, back in 1931.", []),
        ("Long enough for my ferry, and older than me.", ["facts_lost"]),
        (f"Well: {ORIGINAL}", ["unchanged"]),
        ("My bridge  has 3 arches, is 120 metres long, 14 wide, and was built in 1931 by 200 men", ["unchanged"]),
    ],
)
def test_a_rewrite_keeps_the_facts_and_changes_the_words(answer: str, checks: list[str]) -> None:
    assert doubt_as_rewrite("What about the bridge?", ORIGINAL, answer) == checks


def test_a_rewrite_keeps_the_code() -> None:
    original = "Run this:\n```python\nfor plank in planks:\n    plank.nail()\n```"
    assert doubt_as_rewrite("How?", original, f"Here, lad. {original[9:]}") == []
    assert doubt_as_rewrite("How?", original, "Nail every plank, one after the other.") == ["facts_lost"]
