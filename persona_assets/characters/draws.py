"""What is drawn about a character before a model is asked, so that it does not take its favourites.

Every draw is by the persona's id: the same persona draws the same, whatever else is in the shard. What the persona says
itself is not drawn against.
"""

import hashlib
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from persona_assets.characters.contradictions import bound_age, read_persona_gender
from persona_assets.characters.profile_prompt import Birthplace, Hints, ProfilePrompt

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
    (re.compile(r"\b(student|apprentice|trainee|intern|undergraduate)\b", re.IGNORECASE), 17, 28),
    (re.compile(r"\b(young|aspiring|novice|newly|budding|recent graduate)\b", re.IGNORECASE), 18, 32),
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
    lots = _Lots(persona_id)
    age = _draw_age(lots, persona)
    gender = read_persona_gender(persona) or _draw_gender(lots)
    birthplace = None if _SAYS_WHERE.search(persona) else lots.pick("birthplace", list(prompt.birthplaces))
    home = prompt.birthplaces[birthplace] if birthplace else None
    return Drawn(
        name=_draw_name(lots, home, gender) if home and with_hints else None,
        initials=f"{lots.pick('given', _INITIALS)}.{lots.pick('family', _INITIALS)}.",
        gender=gender,
        age=age,
        race=home.people if home else None,
        birthplace=birthplace,
        hints=_draw_hints(lots, prompt.hints, is_child=age < _OF_AGE) if with_hints else {},
    )


class _Lots:
    def __init__(self, seed: str) -> None:
        self._seed = seed

    def number(self, what: str, below: int) -> int:
        digest = hashlib.sha256(f"{self._seed}/{what}".encode()).digest()
        return int.from_bytes(digest[:8]) % below

    def pick(self, what: str, choices: Sequence[str]) -> str:
        return choices[self.number(what, len(choices))]


def _draw_gender(lots: _Lots) -> str:
    lot = lots.number("gender", 2 * _OTHER_GENDERS)
    return "non-binary" if lot < 2 else "female" if lot % 2 else "male"


def _draw_name(lots: _Lots, home: Birthplace, gender: str) -> str:
    given = {"female": home.female, "male": home.male}.get(gender, home.female + home.male)
    return f"{lots.pick('given name', given)} {lots.pick('family name', home.family)}"


def _draw_age(lots: _Lots, persona: str) -> int:
    least, most = bound_age(persona) or next(
        ((least, most) for words, least, most in _CAREER if words.search(persona)), _ADULT
    )
    return least + lots.number("age", most - least + 1)


def _draw_hints(lots: _Lots, hints: Hints, is_child: bool) -> dict[str, str]:
    return {
        "build": lots.pick("build", hints.build),
        "detail": lots.pick("detail", hints.detail),
        "past": lots.pick("past", hints.childhood if is_child else hints.past),
        "manner": lots.pick("manner", hints.manner),
        "weakness": lots.pick("weakness", hints.weakness),
    }
