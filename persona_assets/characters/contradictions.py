"""Contradictions that words alone give away: within a profile, and between a profile and its persona.

They find the plain cases (a bearded woman called "he", a retired boy of 15), not the subtle ones: what they
refuse is wrong, what they let pass may be.
"""

import re
from collections.abc import Mapping
from typing import Any

_PRONOUNS = {
    "male": re.compile(r"\b(he|his|him|himself)\b", re.IGNORECASE),
    "female": re.compile(r"\b(she|her|hers|herself)\b", re.IGNORECASE),
}
_NOUNS = {
    "male": re.compile(r"\b(man|boy|gentleman)\b", re.IGNORECASE),
    "female": re.compile(r"\b(woman|girl|lady)\b", re.IGNORECASE),
}
_YEARS = re.compile(
    r"\b(?:for|after|over|than|about|spent|his|her|their)\s+(?:\w+\s+)?(\d{1,3}|[a-z]+(?:[- ]five)?) years\b", re.I
)
_NUMBERS = {
    word: 10 * (tens + 2)
    for tens, word in enumerate(("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty"))
}
_SELF = re.compile(r"^(?:I am|I['’]m)\s+(?=an?\b)", re.IGNORECASE)
_FIRST_WORK = 10
"""Age before which nobody has done for years what a profile tells."""
_LIFETIME = 100
OLDEST = 120
"""Years of the oldest character."""
_BEARD = re.compile(r"\b(beard(ed)?|moustache|mustache|stubble)\b", re.IGNORECASE)
# What stands behind a preposition is somebody else, or a mill.
_OF_AGE = re.compile(
    r"^an? (?:(?!(?:for|of|to|with|in|at|from|about|who|whose|her|his|their)\b)[\w-]+ ){0,3}?"
    r"(\d{1,3})[- ]year[- ]old\b",
    re.IGNORECASE,
)
# The noun is the person, not the first half of a calling (child psychologist, girl scout leader) or an owner.
_HEAD = r"(?=[,.;]|$|\s(?:who|whose|that|with|without|from|in|of|at|on|and|to|native|born|\w+ing)\b)"
# Words of a persona that bound the age: least and most, in years. "Young teacher" and "old friend" do not.
_AGE_WORDS = (
    (
        re.compile(r"^an? (retired|elderly|aged|ageing|aging)\b|^an? (?:[\w-]+ )?(grandmother|grandfather)\b", re.I),
        45,
        120,
    ),
    (re.compile(r"^an? (?:(?:wwii|ww2|world war (?:ii|two)|second world war) veteran)\b", re.I), 85, 120),
    (re.compile(r"^an? (teenage|adolescent)\b|^an? teenager\b", re.I), 12, 20),
    (re.compile(rf"^an? (\w+ )?(toddler|kindergartner|child|schoolboy|schoolgirl|boy|girl){_HEAD}", re.I), 1, 17),
    (re.compile(r"^an? (middle-aged)\b", re.I), 35, 65),
    (
        re.compile(r"^an? (senior )?(doctor|surgeon|lawyer|judge|professor|engineer|historian|politician)\b", re.I),
        22,
        120,
    ),
)
_WOMEN, _MEN = (
    "woman|girl|mother|grandmother|wife|widow|daughter|sister|aunt|nun|actress",
    "man|boy|father|grandfather|husband|widower|son|brother|uncle|monk|actor",
)
_GENDERED = {
    "female": re.compile(
        rf"^an? ([\w'’-]+ )?(?:({_WOMEN}){_HEAD}|female\b)",
        re.I,
    ),
    "male": re.compile(
        rf"^an? ([\w'’-]+ )?(?:({_MEN}){_HEAD}|male\b)",
        re.I,
    ),
}


def find_contradiction(persona: str, profile: Mapping[str, Any]) -> str | None:
    """Say what contradicts what, or None.

    Args:
        persona: the persona's text.
        profile: the eight attributes.

    Returns:
        A sentence for the quarantine.
    """
    persona = _SELF.sub("", persona)
    gender = read_gender(str(profile["gender"]))
    text = " ".join(str(profile[name]) for name in ("appearance", "experience", "personality"))
    age = int(profile["age"])
    return (
        _find_in_gender(persona, gender, text)
        or _find_in_appearance(gender, str(profile["appearance"]))
        or _find_in_age(persona, age)
        or _find_in_years(age, str(profile["experience"]))
    )


def bound_age(persona: str) -> tuple[int, int] | None:
    """The least and most years that a persona's first words leave open, or None where they say nothing."""
    persona = _SELF.sub("", persona)
    stated = _read_stated_age(persona)
    if stated is not None:
        return stated, stated
    bounds = ((max(least, 4), min(most, 85)) for pattern, least, most in _AGE_WORDS if pattern.match(persona))
    return next(bounds, None)


def read_persona_gender(persona: str) -> str | None:
    """The gender that a persona's noun or pronouns give it: female, male, or None where they say nothing."""
    persona = _SELF.sub("", persona)
    for gender, noun in _GENDERED.items():
        if noun.match(persona):
            return gender
    said = {gender: bool(pronouns.search(persona)) for gender, pronouns in _PRONOUNS.items()}
    if said["male"] == said["female"]:
        return None
    return "male" if said["male"] else "female"


def _find_in_gender(persona: str, gender: str | None, text: str) -> str | None:
    if gender is None:
        return None
    other = "male" if gender == "female" else "female"
    mine, others = len(_PRONOUNS[gender].findall(text)), len(_PRONOUNS[other].findall(text))
    if others > mine:
        return f"the gender is {gender}, the pronouns are {other}"
    if gender == "female" and _BEARD.search(text):
        return "the gender is female, the appearance has a beard"
    if _GENDERED[other].match(persona):
        return f"the persona is {other}, the profile {gender}"
    return None


def _find_in_appearance(gender: str | None, appearance: str) -> str | None:
    for other, nouns in _NOUNS.items():
        if gender and gender != other and nouns.search(appearance):
            return f"the gender is {gender}, the appearance that of a {other} person"
    return None


def _find_in_years(age: int, experience: str) -> str | None:
    for said in _YEARS.findall(experience):
        years = int(said) if said.isdigit() else _NUMBERS.get(said.casefold(), 0)
        # More than a lifetime is that of something else.
        if age - _FIRST_WORK < years <= _LIFETIME:
            return f"the profile is {age} years old, and tells of {said} years"
    return None


def _read_stated_age(persona: str) -> int | None:
    stated = _OF_AGE.match(persona)
    # A vampire of 300 years has any age that a profile can have.
    return int(stated.group(1)) if stated and 1 <= int(stated.group(1)) <= OLDEST else None


def _find_in_age(persona: str, age: int) -> str | None:
    stated = _read_stated_age(persona)
    if stated is not None and stated != age:
        return f"the persona is {stated} years old, the profile {age}"
    for pattern, least, most in _AGE_WORDS:
        match = pattern.match(persona)
        if match and not least <= age <= most:
            return f"the persona is {match.group()!r}, the profile {age} years old"
    return None


def read_gender(word: str) -> str | None:
    """The attribute that a word for a gender means: female, male, or None for any other."""
    plain = word.strip().casefold()
    if plain in {"female", "woman", "girl", "f"}:
        return "female"
    return "male" if plain in {"male", "man", "boy", "m"} else None
