"""Who somebody is, in a few words."""

import pytest

from persona_assets.personas.callings import is_called_a_thing, is_child, names_a_person, read_calling


@pytest.mark.parametrize(
    ("persona", "calling"),
    [
        ("A ferry captain who collects folk songs.", "a ferry captain"),
        ("An astrophysicist, always in a hurry.", "an astrophysicist"),
        ("A graduate student researching the impact of glass on towns.", "a graduate student"),
        ("A professional Node.js programmer working on maps.", "a professional Node.js programmer"),
        ("a lifetime tenant with two cats", "a lifetime tenant"),
        ("A girl of nine who counts waterfalls.", "a girl of nine"),
        ("A manufacturing engineer obsessed with superlatives.", "a manufacturing engineer"),
        ("A nurse (retired) from a harbour town.", "a nurse"),
        ("A baker.", "a baker"),
        ("A researcher renowned for patience.", "a researcher"),
        ("A doctor who plans a detour.", "a doctor"),
        ("A salesperson with a loud voice.", "a salesperson"),
        ("A caring and responsible older brother.", None),
        ("A number of farmers who study a book.", None),
        ("A person who bakes.", None),
        ("A 42-year-old female who works in a school garden.", None),
        ("A male with a bad knee.", None),
        ("A male nurse who knits.", "a male nurse"),
        ("An organization responsible for safety.", None),
        ("A member that votes.", None),
        ("The head of a club.", None),
        ("A student of Islamic history and the caliphs of early Islam, particularly one.", "a student"),
        ("A retired genealogist and collector of old town maps", "a retired genealogist"),
        ("A fellow science fiction author and an ardent fan of brains.", "a fellow science fiction author"),
        ("A brewery owner seeking guidance.", "a brewery owner"),
        ("A baseball player turned broadcaster.", "a baseball player"),
        ("A tourism and city development blogger of a young town.", None),
        ("A member of the Securities and Exchange Commission.", None),
        ("A brilliant and meticulous law clerk with a map.", None),
        ("A highly skilled and slow old criminal defense lawyer", None),
        ("一位船长", None),
        ("", None),
    ],
)
def test_the_calling_of_a_persona(persona: str, calling: str | None) -> None:
    assert read_calling(persona) == calling


@pytest.mark.parametrize(
    ("persona", "child"),
    [
        ("A girl of nine who counts waterfalls.", True),
        ("A shy boy of seven who helps on Fridays.", True),
        ("A nine-year-old farm boy with a stutter.", True),
        ("A curious little schoolgirl.", True),
        ("A teacher of a boy of six.", False),
        ("A nurse who has a girl.", False),
        ("A child psychologist.", False),
        ("A pupil.", True),
        ("一位船长", False),
    ],
)
def test_a_child_is_known_by_what_it_is_called(persona: str, child: bool) -> None:
    assert is_child(persona) == child


@pytest.mark.parametrize(
    "who",
    ["olive farmer", "night nurse", "young mother", "piano tuner", "history buff", "clerk", "grandson", "midwife"],
)
def test_an_occupation_names_a_person(who: str) -> None:
    assert names_a_person(who)


@pytest.mark.parametrize(
    "who",
    [
        "cookie policy",
        "mining company",
        "committee",
        "web server",
        "toolbox",
        "new car",
        "climate",
        "lesson",
        "salad",
        "reader",
        "the user",
        "teacher and student",
    ],
)
def test_a_thing_names_none(who: str) -> None:
    assert not names_a_person(who)


@pytest.mark.parametrize(
    ("persona", "is_thing"),
    [
        ("A mother's nightmare who is terrified by a cry.", True),
        ("A 24-hour watch on the clock that is late.", True),
        ("A boy of ten on crutches who plays chess.", False),
        ("A street cop who fines his brother.", False),
        ("A highly skilled and slow old criminal defense lawyer", False),
        ("Somebody who sails.", False),
    ],
)
def test_what_a_persona_is_called_is_a_person_or_not_known(persona: str, is_thing: bool) -> None:
    assert is_called_a_thing(persona) == is_thing
