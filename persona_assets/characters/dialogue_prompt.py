"""The prompt files of the dialogues: beside a prompt, the voices of characters whose answers are begun."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from persona_assets.characters.voices import NO_VOICES, Voices, read_voices
from persona_assets.personas.callings import read_calling
from persona_assets.prompts import BegunPrompt, Demonstration, Prompt, PromptFile, hash_files
from persona_assets.yaml_files import read_yaml, validate_yaml


class DialoguePrompt(PromptFile):
    """A prompt whose answers may be begun.

    A small model that begins by itself speaks as an assistant, or of the character; one that finishes a sentence of the
    character's speaks as the character.

    Attributes:
        voices: how characters speak whose answers are begun; in the file, the name of one beside it.
        begun: what a model is asked whose answers are begun; none: the same, with demonstrations that are begun, too.
    """

    voices: Voices = NO_VOICES
    begun: BegunPrompt | None = None

    def without_voices(self) -> Self:
        """The same prompt for a model that finds the voice of a character itself."""
        return self.model_copy(update={"voices": NO_VOICES})

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
        openings = self.voices.draw_openings(f"demonstration {number}", character, [""] * len(texts))
        begun = list(map(_follow, openings, texts)) or texts
        told = {**shown.values, "character": tell_calling_alone(character)}
        kept = begun[0] if isinstance(answer, str) else dict(zip(answer, begun, strict=True))
        return shown.model_copy(update={"values": told, "answer": kept})


def load_dialogue_prompt(path: Path) -> Prompt[DialoguePrompt]:
    """Read a prompt file of dialogues.

    Args:
        path: the file. `voices: FILE.yaml` takes in a file beside it.

    Returns:
        The prompt, its version a hash of both files.

    Raises:
        PromptError: naming the file and the line or key that is wrong.
    """
    source, values = read_yaml(path)
    sources = [source]
    if isinstance(values, dict) and isinstance(values.get("voices"), str):
        voices_source, values["voices"] = read_voices(path.parent / values["voices"])
        sources.append(voices_source)
    return Prompt(path.stem, hash_files(*sources), validate_yaml(path, source, values, DialoguePrompt))


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
