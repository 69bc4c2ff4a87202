"""What the prompt files of the dialogues hold beside a prompt: how a character's answers may begin."""

import re
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from persona_assets.personas.callings import fit_openings, read_calling
from persona_assets.personas.draws import draw
from persona_assets.prompts import Demonstration, PromptFile


class BegunPrompt(BaseModel):
    """What a model is asked whose answers are begun, in place of the prompt and its demonstrations.

    Attributes:
        system: in place of that of the prompt file.
        user: likewise.
        max_tokens: likewise.
        sentences: that are kept of an answer; one that was cut off in a later one is none the worse.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    user: str
    max_tokens: int = Field(gt=0)
    sentences: int = Field(gt=0)


class DialoguePrompt(PromptFile):
    """A prompt whose answers may be begun.

    A small model that begins by itself speaks as an assistant, or of the character; one that finishes a sentence of the
    character's speaks as the character.

    Attributes:
        openings: how a character's first answer may begin; `{{ calling }}` stands for who the character is.
        later_openings: how the further answers of a session may.
        begun: what a model is asked whose answers are begun; none: the same, with demonstrations that are begun, too.
    """

    openings: tuple[str, ...] = ()
    later_openings: tuple[str, ...] = ()
    begun: BegunPrompt | None = None

    def without_openings(self) -> Self:
        """The same prompt for a model that begins its answers itself."""
        return self.model_copy(update={"openings": ()})

    def with_begun_answers(self) -> Self:
        """The same prompt for a model whose answers are begun: the answers of its demonstrations are, too.

        They tell of callings alone, as the character is told of.
        """
        if self.begun:
            return self.model_copy(update={**self.begun.model_dump(exclude={"sentences"}), "demonstrations": ()})
        shown = (self._begin(number, one) for number, one in enumerate(self.demonstrations))
        return self.model_copy(update={"demonstrations": tuple(shown)})

    def _begin(self, number: int, shown: Demonstration) -> Demonstration:
        character, answer = shown.values["character"], shown.answer
        texts = [answer] if isinstance(answer, str) else [str(value) for value in answer.values()]
        openings = self.draw_openings(f"demonstration {number}", str(character["persona"]), len(texts))
        begun = list(map(_follow, openings, texts)) or texts
        told = {**shown.values, "character": tell_calling_alone(character)}
        kept = begun[0] if isinstance(answer, str) else dict(zip(answer, begun, strict=True))
        return shown.model_copy(update={"values": told, "answer": kept})

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


def tell_calling_alone(character: Mapping[str, Any]) -> dict[str, Any]:
    """A character as a small model is told of it: who it is, or its persona where that does not say so shortly.

    What such a model hears of a life and a manner, it recites.
    """
    calling = read_calling(str(character["persona"]))
    told = f"{calling[:1].upper()}{calling[1:]}." if calling else character["persona"]
    return {**character, "persona": told, "experience": "", "personality": ""}


def _follow(opening: str, answer: str) -> str:
    is_pronoun = re.match(r"I\b", answer)
    return f"{opening} {answer if is_pronoun else answer[:1].lower() + answer[1:]}"
