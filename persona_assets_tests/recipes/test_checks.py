"""What is doubted about the rows of any recipe, and what a recipe file may have checked on top."""

from typing import Any

import pytest

from persona_assets.recipes.checks import doubt_row, doubt_turn
from persona_assets.recipes.fields import FieldSpec
from persona_assets.row_checks import RowChecks

TEXT = FieldSpec(description="x")
CODE = FieldSpec(description="x", is_code=True)
CHECKS = RowChecks()
ENGLISH = "The ferry takes nine cars and twelve bicycles across the river."
SPANISH = "El transbordador lleva nueve coches y doce bicicletas a la otra orilla del río."


def doubt(
    text: str, source: dict[str, Any] | None = None, named: tuple[str, ...] = (), shown: tuple[str, ...] = ()
) -> list[str]:
    doubts = doubt_row({"text": TEXT}, named, {"text": text}, source or {"persona": "A captain."}, shown, CHECKS)
    return [one.check for one in doubts]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("A nurse mixes 2 l of saline solution with 3 l. How many litres are in it?", False),
        ("She can answer 4 letters an hour. How many letters can she answer in 3 hours?", False),
        ("Let x = 12. Prove that the answer is unique.", False),
        ("How many?\nSolution: 9 + 3", True),
        ("How many?\n**Answer:** 12", True),
        ("How many are left? Answer: 12", True),
        (r"How many? \boxed{12}", True),
        (r"Fill in \boxed{ }.", False),
        ("How many?\n#### 12", True),
    ],
)
def test_a_problem_that_says_its_own_solution_is_doubted(text: str, holds: bool) -> None:
    assert doubt(text, named=("holds_solution",)) == (["holds_solution"] if holds else [])
    assert doubt(text) == []


def test_every_text_is_looked_at_however_deep_and_code_is_not() -> None:
    fields = {
        "name": TEXT,
        "parts": FieldSpec(
            type="list",
            description="x",
            items=FieldSpec(type="object", description="x", fields={"what": TEXT, "kind": FieldSpec(description="x")}),
        ),
        "code": CODE,
    }
    values = {
        "name": "Tam",
        "parts": [{"what": "Write to tam@ferry.org for a seat.", "kind": "a"}],
        "code": "mail('tam@ferry.org')",
    }
    doubts = [*doubt_row(fields, (), values, {}, (), CHECKS)]
    assert [(one.check, one.detail) for one in doubts] == [("contact_data", "tam@ferry.org")]


def test_contact_data_of_the_row_that_was_read_may_be_repeated() -> None:
    assert doubt("Ask at tam@ferry.org.", {"persona": "x", "problem": "Who is tam@ferry.org?"}) == []


def test_the_persona_may_be_used_in_its_own_words() -> None:
    persona = "A ferry captain from a canal city who collects old folk songs and sings them to the sleeping passengers."
    assert doubt(f"{persona} How many songs are that?", {"persona": persona}) == []


@pytest.mark.parametrize(
    ("source", "text", "is_other"),
    [
        ({"language": "es"}, SPANISH, False),
        ({"language": "es"}, ENGLISH, True),
        ({"language": "und"}, ENGLISH, False),
        ({}, SPANISH, False),
        ({"language": "pirate English"}, ENGLISH, False),
        ({"language": "zh"}, "电梯会累吗？它每天要走很多层。", False),
        ({"language": "zh"}, "No, a lift does not tire.", True),
        ({"language": "en"}, "不会。它只是停着，等人来按按钮，然后再走。", True),
        ({"language": "en"}, "What does 弱智 mean in the name of that forum?", False),
        # Formulas, units and names are in no language.
        ({"language": "zh"}, r"解：由 $\frac{1}{2}x + \sin y = 3$ 得 \(x = 6 - 2\sin y\)，所以答案唯一。", False),
        ({"language": "zh"}, "12 km", False),
    ],
)
def test_a_text_is_in_the_language_that_was_asked_for(source: dict[str, Any], text: str, is_other: bool) -> None:
    assert doubt(text, source) == (["other_language"] if is_other else [])


@pytest.mark.parametrize("answer", ["Box A", "x = e", "y", "Ana und", "the"])
def test_a_short_answer_may_end_anywhere(answer: str) -> None:
    assert doubt(answer) == []


def test_a_text_that_breaks_off_declines_or_copies_a_demonstration_is_doubted() -> None:
    assert doubt(f"{ENGLISH} Each of them pays for the crossing, and then the captain counts the") == ["breaks_off"]
    assert doubt("I'm sorry, but I can't help with that.") == ["declines"]
    assert doubt(f"On Monday {ENGLISH}", shown=("Nothing.", f"{ENGLISH} And then?")) == []
    long = "The ferry takes nine cars and twelve bicycles and a van across the river."
    assert doubt(f"Here it comes. {long}", shown=(f"{long} And then?",)) == ["copies_demonstration"]


def test_a_person_may_decline_and_break_off_and_an_assistant_may_speak_as_one() -> None:
    broken = f"{ENGLISH} I would come with you, but my brother has the car and the"
    refusal, machine = (
        "I'm sorry, I can't help you with that today.",
        "The sea is calm. I hope this helps with your trip.",
    )

    def hit(text: str, is_person: bool) -> list[str]:
        return [one.check for one in doubt_turn(text, is_person, CHECKS, (), None, ())]

    assert (hit(broken, True), hit(broken, False)) == ([], ["breaks_off"])
    assert (hit(refusal, True), hit(refusal, False)) == (["declines"], [])
    assert (hit(machine, True), hit(machine, False)) == (["assistant_voice"], [])
