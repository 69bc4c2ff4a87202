"""What the prompt files of the dialogues hold beside a prompt: how a character's answers may begin."""

from collections.abc import Mapping
from typing import Any, Self

from persona_assets.personas.callings import fit_openings, read_calling
from persona_assets.personas.draws import draw
from persona_assets.prompts import PromptFile


class DialoguePrompt(PromptFile):
    """A prompt whose answers may be begun.

    A small model that begins by itself speaks as an assistant, or of the character; one that finishes a sentence of the
    character's speaks as the character.

    Attributes:
        openings: how a character's first answer may begin; `{{ calling }}` stands for who the character is.
        later_openings: how the further answers of a session may.
    """

    openings: tuple[str, ...] = ()
    later_openings: tuple[str, ...] = ()

    def without_openings(self) -> Self:
        """The same prompt for a model that begins its answers itself."""
        return self.model_copy(update={"openings": ()})

    def with_personas_alone(self) -> Self:
        """The same prompt for a model whose answers are begun: its demonstrations, too, tell of personas alone."""
        shown = tuple(
            one.model_copy(update={"values": {**one.values, "character": tell_persona_alone(one.values["character"])}})
            for one in self.demonstrations
        )
        return self.model_copy(update={"demonstrations": shown})

    def draw_openings(self, row_id: str, persona: str, answers: int) -> list[str]:
        """Draw how the answers of a session begin; equal for an equal pair of character and session.

        Args:
            row_id: of the pair.
            persona: the character's.
            answers: how many.

        Returns:
            One for each answer; none where the file has none that fit.
        """
        first = fit_openings(self.openings, read_calling(persona))
        if not first or (answers > 1 and not self.later_openings):
            return []
        later = draw(f"later openings of {row_id}", self.later_openings, answers - 1) if answers > 1 else []
        return [*draw(f"opening of {row_id}", first, 1), *later]


def tell_persona_alone(character: Mapping[str, Any]) -> dict[str, Any]:
    """A character as a small model is told of it: what it hears of a life and a manner, it recites."""
    return {**character, "experience": "", "personality": ""}
