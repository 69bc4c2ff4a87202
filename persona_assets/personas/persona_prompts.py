"""The two prompt files of this storey: what they hold beyond an ordinary prompt."""

from collections.abc import Container
from pathlib import Path
from typing import Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from persona_assets.personas.callings import fit_openings, is_child
from persona_assets.personas.draws import draw
from persona_assets.personas.sketches import Sketch
from persona_assets.prompts import Prompt, PromptFile, load_prompt
from persona_assets.settings import Relation

_UNFINISHED = (" and", " who")
_GRANULARITIES = ("coarse", "fine")
T = TypeVar("T", bound=Container[str])
SEED_PROMPT_FILE = "seed_personas.yaml"


class SeedPrompt(PromptFile):
    """Text-to-Persona: a question for each relation, and a style for each granularity.

    Attributes:
        questions: by relation.
        granularity: by granularity.
        sketch: how a small model is asked.
    """

    questions: dict[str, str]
    granularity: dict[str, str]
    sketch: Sketch | None = None

    @field_validator("questions")
    @classmethod
    def _check_questions(cls, questions: dict[str, str]) -> dict[str, str]:
        return _require(questions, get_args(Relation))

    @field_validator("granularity")
    @classmethod
    def _check_granularity(cls, granularity: dict[str, str]) -> dict[str, str]:
        return _require(granularity, _GRANULARITIES)

    @field_validator("sketch")
    @classmethod
    def _check_sketch(cls, sketch: Sketch | None) -> Sketch | None:
        if sketch:
            _require(sketch.frames, get_args(Relation))
        return sketch

    def ask_for(self, sketch: Sketch) -> Self:
        """The same prompt for a model that is asked for a sketch."""
        asked = {name: getattr(sketch, name) for name in ("system", "user", "demonstrations", "temperature")}
        return self.model_copy(update={**asked, "stop": ()})


class Relationship(BaseModel):
    """How two people are related.

    Attributes:
        question: asks for the other one.
        openings: how a sentence about them may begin; `{{ calling }}` stands for the first person.
        of_adults: whether the first person must be grown up: nobody lives from the orders of a girl of nine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: str
    openings: tuple[str, ...] = ()
    of_adults: bool = False


class ExpansionPrompt(PromptFile):
    """Persona-to-Persona: the relationships that are drawn.

    Attributes:
        relationships: by name.
        endings: how a sentence may go on where its opening ends in `and` or `who`: what is left is a few words.
        endings_of_adults: how it may go on as well where it does not speak of a child.
    """

    relationships: dict[str, Relationship] = Field(min_length=1)
    endings: tuple[str, ...] = ()
    endings_of_adults: tuple[str, ...] = ()

    def list_relationships(self, persona: str) -> list[str]:
        """List the names of the relationships that a persona can be in."""
        grown_up = not is_child(persona)
        return [name for name, one in self.relationships.items() if grown_up or not one.of_adults] or list(
            self.relationships
        )

    def draw_opening(self, relationship: str, persona_id: str, calling: str | None) -> str | None:
        """Draw how the sentence about a related persona begins; equal for an equal persona.

        Args:
            relationship: its name.
            persona_id: of the first person.
            calling: who that is, in a few words, if it is known.

        Returns:
            The opening; None where the model begins its sentences itself.
        """
        openings = fit_openings(self.relationships[relationship].openings, calling)
        if not openings:
            return None
        opening = draw(f"{relationship} of {persona_id}", openings, 1)[0]
        endings = self.endings + (() if is_child(opening) else self.endings_of_adults)
        if not endings or not opening.endswith(_UNFINISHED):
            return opening
        return f"{opening} {draw(f'ending of {relationship} of {persona_id}', endings, 1)[0]}"

    def without_openings(self) -> Self:
        """The same prompt for a model that begins its sentences itself."""
        relationships = {name: one.model_copy(update={"openings": ()}) for name, one in self.relationships.items()}
        demonstrations = tuple(
            one.model_copy(update={"values": {**one.values, "opening": None}}) for one in self.demonstrations
        )
        return self.model_copy(
            update={
                "relationships": relationships,
                "demonstrations": demonstrations,
                "endings": (),
                "endings_of_adults": (),
            }
        )


def load_seed_prompt(folder: Path) -> Prompt[SeedPrompt]:
    """Read `seed_personas.yaml`."""
    return load_prompt(folder / SEED_PROMPT_FILE, SeedPrompt)


def load_expansion_prompt(folder: Path) -> Prompt[ExpansionPrompt]:
    """Read `expanded_personas.yaml`."""
    return load_prompt(folder / "expanded_personas.yaml", ExpansionPrompt)


def _require(texts: T, keys: tuple[str, ...]) -> T:
    missing = [key for key in keys if key not in texts]
    if missing:
        raise ValueError(f"there is no text for {', '.join(missing)}")
    return texts
