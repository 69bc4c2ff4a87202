"""What `character_profiles.yaml` holds beside a prompt: the birthplaces and hints that characters draw from."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from persona_assets.prompts import Prompt, PromptFile, load_prompt


class Hints(BaseModel):
    """Particulars of which a character draws one of each kind.

    Attributes:
        build: of the body.
        detail: of face, hair or clothes.
        past: something that happened to a grown-up.
        childhood: something that happened to a child.
        manner: how the character treats others.
        weakness: what others have to bear.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    build: tuple[str, ...] = Field(min_length=1)
    detail: tuple[str, ...] = Field(min_length=1)
    past: tuple[str, ...] = Field(min_length=1)
    childhood: tuple[str, ...] = Field(min_length=1)
    manner: tuple[str, ...] = Field(min_length=1)
    weakness: tuple[str, ...] = Field(min_length=1)


class Birthplace(BaseModel):
    """Who is born in a town.

    Attributes:
        people: a people that lives there.
        female: given names of women.
        male: given names of men.
        family: family names.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    people: str
    female: tuple[str, ...] = Field(min_length=1)
    male: tuple[str, ...] = Field(min_length=1)
    family: tuple[str, ...] = Field(min_length=1)


class ProfilePrompt(PromptFile):
    """The prompt of character profiles: what is drawn so that characters do not collapse into a model's favourites.

    Attributes:
        birthplaces: by town and country.
        hints: particulars for models that need them.
    """

    birthplaces: dict[str, Birthplace] = Field(min_length=1)
    hints: Hints

    def without_hints(self) -> Self:
        """The same prompt for a model that needs no hints."""
        demonstrations = tuple(
            one.model_copy(update={"values": {**one.values, "hints": None}}) for one in self.demonstrations
        )
        return self.model_copy(update={"demonstrations": demonstrations})


def load_profile_prompt(folder: Path) -> Prompt[ProfilePrompt]:
    """Read `character_profiles.yaml`."""
    return load_prompt(folder / "character_profiles.yaml", ProfilePrompt)
