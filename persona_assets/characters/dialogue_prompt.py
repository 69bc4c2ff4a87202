"""What the prompt files of the dialogues hold beside a prompt: how a character's answers may begin."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from persona_assets.personas.callings import fit_openings, read_calling
from persona_assets.personas.draws import draw
from persona_assets.prompts import BegunPrompt, Demonstration, PromptFile

_BIRTHPLACE = "{{ birthplace }}"
_WANTS_ADVICE = re.compile(
    r"\b(?:how (?:do|can|could|should|would|might) (?:I|we|you|one)"
    r"|what (?:do|can|could|should|must) (?:I|we)|should (?:I|we)"
    r"|(?:best|right|good|easy) way to|(?:tips|ideas|advice|suggestions?|steps) (?:for|on|to))\b",
    re.IGNORECASE,
)


class Openings(BaseModel):
    """How the answers of a session may begin.

    `{{ calling }}` stands for who the character is, `{{ birthplace }}` for where it comes from.

    Attributes:
        first: its first answer.
        later: the further ones.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    first: tuple[str, ...] = ()
    later: tuple[str, ...] = ()


class DialoguePrompt(PromptFile):
    """A prompt whose answers may be begun.

    A small model that begins by itself speaks as an assistant, or of the character; one that finishes a sentence of the
    character's speaks as the character.

    Attributes:
        openings: how a character's answers may begin.
        advice_openings: the same where somebody asks what to do; none: `openings`. "I can tell you that" leads a small
            model to say that it is important.
        begun: what a model is asked whose answers are begun; none: the same, with demonstrations that are begun, too.
    """

    openings: Openings = Openings()
    advice_openings: Openings | None = None
    begun: BegunPrompt | None = None

    def without_openings(self) -> Self:
        """The same prompt for a model that begins its answers itself."""
        return self.model_copy(update={"openings": Openings(), "advice_openings": None})

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
        openings = self.draw_openings(f"demonstration {number}", character, [""] * len(texts))
        begun = list(map(_follow, openings, texts)) or texts
        told = {**shown.values, "character": tell_calling_alone(character)}
        kept = begun[0] if isinstance(answer, str) else dict(zip(answer, begun, strict=True))
        return shown.model_copy(update={"values": told, "answer": kept})

    def draw_openings(self, row_id: str, character: Mapping[str, Any], questions: Sequence[str]) -> list[str]:
        """Draw how the answers of a session begin; equal for an equal pair of character and session.

        Args:
            row_id: of the pair.
            character: its persona and birthplace.
            questions: the user's turns.

        Returns:
            One for each answer; none where the file has none that fit.
        """
        calling, birthplace = read_calling(str(character["persona"])), str(character.get("birthplace") or "")
        drawn: list[str] = []
        for place, question in enumerate(questions):
            wants_advice = _WANTS_ADVICE.search(question)
            openings = (wants_advice and self.advice_openings) or self.openings
            fitting = fit_openings(openings.later if place else openings.first, calling)
            if not birthplace:
                fitting = [opening for opening in fitting if _BIRTHPLACE not in opening]
            if not fitting:
                return []
            lot = f"later opening {place} of {row_id}" if place else f"opening of {row_id}"
            drawn += draw(lot, fitting, 1)
        return [opening.replace(_BIRTHPLACE, birthplace) for opening in drawn]


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
