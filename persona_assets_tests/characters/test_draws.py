"""What is drawn about a character: spread, reproducible, and never against the persona."""

from collections import Counter

import pytest

from persona_assets.characters.draws import Drawn, draw_character
from persona_assets.characters.profile_prompt import load_profile_prompt
from persona_assets_tests.asking import PROMPTS

PROMPT = load_profile_prompt(PROMPTS).content


def draw(persona: str = "A keeper of sheep.", number: int = 1, with_hints: bool = True) -> Drawn:
    return draw_character(f"per_{number}", persona, PROMPT, with_hints)


def test_the_same_persona_draws_the_same() -> None:
    assert draw() == draw()
    assert draw() != draw(number=2)


def test_draws_are_spread() -> None:
    drawn = [draw(number=number) for number in range(4_000)]
    assert len({one.initials for one in drawn}) > 380
    genders = Counter(one.gender for one in drawn)
    assert 0.45 < genders["female"] / 4_000 < 0.53
    assert 0.01 < genders["non-binary"] / 4_000 < 0.03
    ages = Counter(one.age // 10 for one in drawn)
    assert min(ages[decade] for decade in (3, 4, 5, 6)) > 600
    places = Counter(one.birthplace for one in drawn)
    assert places.keys() == PROMPT.birthplaces.keys()
    assert max(places.values()) < 3 * min(places.values())
    assert len({one.name for one in drawn}) > 700


def test_name_and_people_are_those_of_the_birthplace() -> None:
    for number in range(200):
        drawn = draw(number=number)
        assert drawn.birthplace
        assert drawn.name
        home = PROMPT.birthplaces[drawn.birthplace]
        given, family = drawn.name.split(" ", 1)
        assert drawn.race == home.people
        assert family in home.family
        assert given in {"female": home.female, "male": home.male}.get(drawn.gender, home.female + home.male)


@pytest.mark.parametrize(
    "persona",
    [
        "A potter from Oaxaca who repairs tiles.",
        "A Nigerian lawyer who defends fishermen.",
        "A tenant who has lived in Jaipur for years.",
        "A retired Scottish postman.",
    ],
)
def test_who_is_at_home_somewhere_draws_no_birthplace(persona: str) -> None:
    drawn = draw(persona)
    assert (drawn.name, drawn.race, drawn.birthplace) == (None, None, None)


@pytest.mark.parametrize(
    "persona", ["A veteran of the Second World War who carves birds.", "A scientist who works in QSPR and on PCBs."]
)
def test_a_war_or_an_abbreviation_is_no_home(persona: str) -> None:
    assert draw(persona).birthplace is not None


@pytest.mark.parametrize(
    ("persona", "gender"),
    [
        ("A mother of three who drives a tram.", "female"),
        ("A girl's mother who has learned to write.", "female"),
        ("A keeper of sheep who sings to his dogs.", "male"),
        ("A surgeon known for her calm.", "female"),
    ],
)
def test_the_gender_is_the_personas(persona: str, gender: str) -> None:
    assert {draw(persona, number).gender for number in range(30)} == {gender}


@pytest.mark.parametrize(
    ("persona", "least", "most"),
    [
        ("A 34-year-old florist.", 34, 34),
        ("A retired judge.", 45, 85),
        ("A girl who collects stamps.", 4, 17),
        ("An apprentice of a carpenter.", 17, 28),
        ("I'm a recent high school graduate from a small town.", 17, 28),
        ("A history major interning at a museum.", 17, 28),
        ("A recent law graduate with debts.", 18, 32),
        ("A florist with a major problem.", 22, 72),
        ("A veteran pilot.", 38, 72),
        ("A florist.", 22, 72),
    ],
)
def test_the_age_is_within_what_the_persona_says(persona: str, least: int, most: int) -> None:
    ages = {draw(persona, number).age for number in range(200)}
    assert min(ages) >= least
    assert max(ages) <= most
    assert len(ages) >= min(5, most - least + 1)


def test_a_child_has_a_childs_past() -> None:
    child = draw("A girl who collects stamps.")
    assert child.hints["past"] in PROMPT.hints.childhood
    assert draw(with_hints=False).hints == {}
