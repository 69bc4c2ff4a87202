"""Worlds of games, `prompts/worlds/*.yaml`: what a character of one must be consistent with."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class World(BaseModel):
    """One world.

    Attributes:
        title: its name.
        facts: what everybody there knows, in a few sentences.
        places: names, each with a line about it.
        factions: names, each with a line about it.
        names: further names that may occur: heroes, gods, beasts.
        manner: how its people meet a player.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    facts: str
    places: dict[str, str] = Field(min_length=1)
    factions: dict[str, str] = Field(min_length=1)
    names: tuple[str, ...] = ()
    manner: str = ""

    def find_strangers(self, values: Mapping[str, Any]) -> list[str]:
        """Names of places and factions in a row that the world does not know.

        Args:
            values: the fields `place` and `faction` of the row, by name.

        Returns:
            What is not there.
        """
        pairs = (("place", self.places), ("faction", self.factions))
        return [str(values[field]) for field, known in pairs if field in values and not _is_in(values[field], known)]

    def find_invented(self, text: str, own: str) -> list[str]:
        """Names of places and factions that a text invents: "the Guild of Ash", "Port Merrow".

        Args:
            text: what was written about a character.
            own: the character's own name, which is nobody else's business.

        Returns:
            Names led or followed by a word for a place or a faction that neither the world nor the character has.
        """
        known = _plain(" ".join((self.title, self.facts, own, *self.names, *_texts(self.places, self.factions))))
        found = [match.group().strip() for match in _NAMED.finditer(text)]
        return [name for name in dict.fromkeys(found) if _plain(name) not in known]


_KIND = (
    r"(?:Guild|Order|Clan|Sect|House|Legion|Brotherhood|Sisterhood|Company|Kingdom|Empire|Alliance|Horde|City|Port|Fort"
    r"|Temple|Monastery|Academy|Valley|Forest|Woods|Mountains?|Peak|Isles?|Island|Harbou?r|Pass|Keep|Tower|Gate|Bay"
    r"|Marsh|Desert|Hall|Pavilion|School)"
)
_WORD = r"[A-Z][\w'’-]+"
_NAMED = re.compile(
    rf"\b{_WORD}(?: {_WORD})* {_KIND}\b|\b{_KIND} of (?:the )?{_WORD}(?: {_WORD})*"
    rf"|\b(?:Port|Fort|House|Clan|Mount) {_WORD}"
)


def _is_in(name: object, known: Mapping[str, str]) -> bool:
    return _plain(str(name)) in {_plain(one) for one in known}


def _texts(*parts: Mapping[str, str]) -> list[str]:
    return [text for part in parts for pair in part.items() for text in pair]


def _plain(text: str) -> str:
    return re.sub(r"^the |\s+", lambda match: "" if match.group() == "the " else " ", text.casefold().strip())
