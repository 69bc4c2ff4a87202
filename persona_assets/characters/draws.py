"""What is drawn about a character before a model is asked, so that it does not take its favourites.

Every draw is by the persona's id: the same persona draws the same, whatever else is in the shard. What the persona says
itself is not drawn against.
"""

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from persona_assets.characters.contradictions import bound_age, read_persona_gender
from persona_assets.characters.profile_prompt import Birthplace, Hints, ProfilePrompt
from persona_assets.personas.draws import draw

T = TypeVar("T")

_ADULT = (22, 72)
_OF_AGE = 18
_OTHER_GENDERS = 50
"""One character in so many is drawn as neither female nor male."""

# Rare as the first letter of a given name in most languages; asking for them makes models invent.
_INITIALS = [letter for letter in string.ascii_uppercase if letter not in "QUXYZ"]
# A name of a place is no abbreviation: somebody who is interested in PCBs is at home anywhere.
_SAYS_WHERE = re.compile(
    r"\b(?:in|from|near|at)\s+(?:the\s+)?[A-Z][a-z]+"
    r"|(?<=\s)[A-Z][a-z]+(?:ese|ish|ian|ean|ani|can|ench|utch|erman|reek|wiss|raqi|sraeli|hai)\b"
)
_CAREER = (
    (
        re.compile(
            r"\b(student|apprentice|trainee|intern|undergraduate|recent high school graduate)\b"
            r"|(?<=[a-z] )major(?= (?:who|at|in|interning|studying|with)\b|[,.]|$)",
            re.IGNORECASE,
        ),
        17,
        28,
    ),
    (re.compile(r"\b(young|aspiring|novice|newly|budding|recent (?:\w+ )?graduate)\b", re.IGNORECASE), 18, 32),
    (
        re.compile(
            r"\b(veteran|experienced|seasoned|senior|chief|head|renowned|professor|director|decades?|years of"
            r"|long-time|longtime|former|ceo|president|expert|parent)\b",
            re.IGNORECASE,
        ),
        38,
        72,
    ),
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is given about a character.

    Attributes:
        name: of the birthplace; None without hints, or where the birthplace is not drawn.
        initials: of the name where that is left to the model, for example `T.M.`.
        gender: female, male or non-binary.
        age: in years.
        race: a people; None where the persona says where it is at home.
        birthplace: town and country; None in the same case.
        hints: one particular of each kind; none for a model that needs none.
    """

    name: str | None
    initials: str
    gender: str
    age: int
    race: str | None
    birthplace: str | None
    hints: Mapping[str, str]


def draw_character(persona_id: str, persona: str, prompt: ProfilePrompt, with_hints: bool) -> Drawn:
    """Draw what is given about the character of a persona.

    Args:
        persona_id: seed of all draws.
        persona: its text, which is not drawn against.
        prompt: what is drawn from.
        with_hints: whether particulars are drawn, too.
    """
    age = _draw_age(persona_id, persona)
    gender = read_persona_gender(persona) or _draw_gender(persona_id)
    birthplace = None if _SAYS_WHERE.search(persona) else _pick(persona_id, "birthplace", list(prompt.birthplaces))
    home = prompt.birthplaces[birthplace] if birthplace else None
    return Drawn(
        name=_draw_name(persona_id, home, gender) if home and with_hints else None,
        initials=f"{_pick(persona_id, 'given', _INITIALS)}.{_pick(persona_id, 'family', _INITIALS)}.",
        gender=gender,
        age=age,
        race=home.people if home else None,
        birthplace=birthplace,
        hints=_draw_hints(persona_id, prompt.hints, is_child=age < _OF_AGE) if with_hints else {},
    )


def _pick(persona_id: str, what: str, choices: Sequence[T]) -> T:
    return draw(f"{what} of {persona_id}", choices, 1)[0]


def _draw_gender(persona_id: str) -> str:
    lot = _pick(persona_id, "gender", range(2 * _OTHER_GENDERS))
    return "non-binary" if lot < 2 else "female" if lot % 2 else "male"


def _draw_name(persona_id: str, home: Birthplace, gender: str) -> str:
    given = {"female": home.female, "male": home.male}.get(gender, home.female + home.male)
    return f"{_pick(persona_id, 'given name', given)} {_pick(persona_id, 'family name', home.family)}"


def _draw_age(persona_id: str, persona: str) -> int:
    least, most = bound_age(persona) or next(
        ((least, most) for words, least, most in _CAREER if words.search(persona)), _ADULT
    )
    return _pick(persona_id, "age", range(least, most + 1))


def _draw_hints(persona_id: str, hints: Hints, is_child: bool) -> dict[str, str]:
    return {
        "build": _pick(persona_id, "build", hints.build),
        "detail": _pick(persona_id, "detail", hints.detail),
        "past": _pick(persona_id, "past", hints.childhood if is_child else hints.past),
        "manner": _pick(persona_id, "manner", hints.manner),
        "weakness": _pick(persona_id, "weakness", hints.weakness),
    }
