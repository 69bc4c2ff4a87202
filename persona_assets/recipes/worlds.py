"""Worlds of games, `prompts/worlds/*.yaml`: what a character of one must be consistent with."""

from pydantic import BaseModel, ConfigDict, Field


class World(BaseModel):
    """One world.

    Attributes:
        facts: what everybody there knows, in a few sentences.
        lore: more of it, as long as one likes.
        places: names, each with a line about it.
        factions: names, each with a line about it.
        names: further names that may occur: heroes, gods, beasts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    facts: str
    lore: str = ""
    places: dict[str, str] = Field(min_length=1)
    factions: dict[str, str] = Field(min_length=1)
    names: tuple[str, ...] = ()
    manner: str = ""
