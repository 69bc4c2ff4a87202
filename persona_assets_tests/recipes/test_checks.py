"""The checks a recipe may name: each with rows that pass and rows that do not."""

import pytest

from persona_assets.recipes.checks import CHECKS

PERSONA = "A ferry captain from a canal city who collects old folk songs."
CASES = (
    ("asks_something", None, "A ferry takes 9 cars. How many cars fit on 3 ferries?"),
    ("asks_something", None, "A ferry takes 9 cars. Find the number of cars on 3 ferries."),
    ("asks_something", None, "A ferry takes 9 cars. How many fit on 3? (Round to the nearest integer.)"),
    ("asks_something", "asks_nothing", "How many cars fit? A ferry takes 9 cars."),
    ("asks_something", "asks_nothing", ""),
    ("has_two_numbers", None, "A ferry takes 9 cars and 12 bicycles."),
    ("has_two_numbers", None, "Half of the two ferries are late."),
    ("has_two_numbers", "no_numbers", "A ferry takes 15 cars."),
    ("has_two_numbers", "no_numbers", "A ferry takes 1,500.50 litres."),
    ("has_two_numbers", "no_numbers", "A ferry takes cars."),
    ("holds_no_solution", None, "A nurse mixes 2 l of saline solution with 3 l. How many litres are in it?"),
    ("holds_no_solution", None, "She can answer 4 letters an hour. How many letters can she answer in 3 hours?"),
    ("holds_no_solution", "holds_solution", "How many?\nSolution: 9 + 3"),
    ("holds_no_solution", "holds_solution", "How many?\n**Answer:** 12"),
    ("holds_no_solution", "holds_solution", "How many? The answer is 12."),
    ("holds_no_solution", "holds_solution", "How many? Let's solve it."),
    ("holds_no_solution", "holds_solution", "How many? 9 + 3 = 12"),
    ("holds_no_solution", "holds_solution", r"How many? \boxed{12}"),
    ("has_two_parts_at_most", None, "He has 8. She has 5. They sold 3. How many remain?"),
    ("has_two_parts_at_most", None, "(a) How many cars? (b) How many bicycles?"),
    ("has_two_parts_at_most", "too_many_parts", "a) cars b) bicycles c) horses: how many?"),
    ("has_two_parts_at_most", "too_many_parts", "1. Cars\n2. Horses\n3. Dogs"),
    ("has_two_parts_at_most", "too_many_parts", "How many cars? How many dogs? How many horses?"),
    ("is_not_the_persona", None, "A ferry captain collects 3 songs a week."),
    ("is_not_the_persona", "copies_persona", f"{PERSONA} How many songs?"),
    ("reckons_right", None, "3 * 4 = 12"),
    ("reckons_right", "wrong_arithmetic", "3 * 4 = 13"),
    ("asks_for_oneself", None, "How can I keep an old song book dry on the water?"),
    ("asks_for_oneself", None, "How can I, as a ferry captain, keep an old song book dry?"),
    ("asks_for_oneself", "asks_for_another", "How can I make a ferry captain feel at home?"),
    ("asks_for_oneself", "asks_for_another", "What is the best way to keep your song book dry?"),
    ("speaks_as_person", None, "The captain sails with a model ship."),
    ("speaks_as_person", "speaks_as_model", "As an AI language model, I sail."),
)


@pytest.mark.parametrize(("check", "flaw", "text"), CASES)
def test_a_text_passes_or_is_refused_with_a_word(check: str, flaw: str | None, text: str) -> None:
    assert CHECKS[check]({"text": text}, {"persona": PERSONA}) == flaw


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("I cannot hear another word about the fortress.", "asks_nothing"),
        ("In the evening, I take a course. My sister takes it, too.", "asks_nothing"),
        ("I need a list of books on forts.", None),
        ("I take a course in the evening. Explain the second chapter to me.", None),
        ("I keep bees. Which flowers do they like?", None),
        ("My bees are gone, any ideas", None),
        ("User: What do bees eat?", "not_a_request"),
        ("蜜蜂吃什么", None),
    ],
)
def test_a_request_asks_for_something(text: str, flaw: str | None) -> None:
    assert CHECKS["is_one_request"]({"instruction": text}, {}) == flaw


def test_every_field_is_looked_at_for_the_persona() -> None:
    values = {"name": "Tam", "description": f"Tam is {PERSONA.lower()}"}
    assert CHECKS["is_not_the_persona"](values, {"persona": PERSONA}) == "copies_persona"


@pytest.mark.parametrize(
    ("language", "question", "reply", "flaw"),
    [
        ("en", "Is a lift tired?", "No, it only stands still.", None),
        (
            "en",
            "What does 弱智 mean in the name of that forum on the web?",
            "That one plays the fool.",
            None,
        ),
        ("en", "Is a lift tired?", "不会。它只是停着。", "other_language"),
        ("zh", "电梯会累吗？", "不会。它只是停着。", None),
        ("zh", "电梯会累吗？", "No, it only stands still.", "other_language"),
    ],
)
def test_every_field_is_in_the_language_drawn(language: str, question: str, reply: str, flaw: str | None) -> None:
    assert CHECKS["is_in_language"]({"question": question, "reply": reply}, {"language": language}) == flaw


@pytest.mark.parametrize(
    ("answer", "flaw"),
    [
        ("60 minutes", None),
        ("$1,200.50", None),
        ("3/4 of the cake", None),
        ("45 m2", None),
        ("2 hours 30 minutes", None),
        ("sixty", None),
        ("x = 2 or x = 3", None),
        ("She has to pay what the baker asked of her", "no_single_answer"),
        ("", "no_single_answer"),
    ],
)
def test_the_answer_is_a_result(answer: str, flaw: str | None) -> None:
    assert CHECKS["has_short_answer"]({"answer": answer}, {}) == flaw


@pytest.mark.parametrize(
    ("solution", "answer", "flaw"),
    [
        ("9 * 10 = 90 dollars", "90 dollars", None),
        ("6 * 200 = 1200", "$1,200.00", None),
        ("It falls to -5.", "5 degrees below zero", None),
        ("3 * 5 = 15", "5", None),
        ("3 * 7 = 21", "1", "answer_not_derived"),
        ("3 * 5 = 15", "fifteen", None),
        ("2 * 45 = 90 minutes", "1.5 hours", None),
        ("x^2 = 12, so x = \\sqrt{12}", "2\\sqrt{3}", None),
        ("3 * 5 = 15", "sixteen", "answer_not_derived"),
    ],
)
def test_the_answer_is_arrived_at(solution: str, answer: str, flaw: str | None) -> None:
    assert CHECKS["answer_follows"]({"solution": solution, "answer": answer}, {}) == flaw
