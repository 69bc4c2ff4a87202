"""The prompt files of the dialogues: beside a prompt, the voices of characters whose answers are begun."""

from pathlib import Path
from typing import Self

from pydantic import model_validator

from persona_assets.characters.voices import NO_VOICES, Voices, read_voices
from persona_assets.prompts import BegunPrompt, Prompt, PromptFile, hash_files
from persona_assets.yaml_files import read_yaml, validate_yaml


class DialoguePrompt(PromptFile):
    """A prompt whose answers may be begun.

    A small model that begins by itself speaks as an assistant, or of the character; one that finishes a sentence of the
    character's speaks as the character.

    Attributes:
        voices: how characters speak whose answers are begun; in the file, the name of one beside it.
        begun: what a model is asked whose answers are begun, in place of the prompt and its demonstrations. It is told
            nothing of the character, who is in the opening: what it hears of a life and a manner, it recites.
    """

    voices: Voices = NO_VOICES
    begun: BegunPrompt | None = None

    @model_validator(mode="after")
    def _check_begun(self) -> Self:
        if bool(self.voices.openings.first) != bool(self.begun):
            raise ValueError("begun and voices: answers that are begun need both, a request and openings")
        return self

    def without_voices(self) -> Self:
        """The same prompt for a model that finds the voice of a character itself."""
        return self.model_copy(update={"voices": NO_VOICES, "begun": None})

    def with_begun_answers(self) -> Self:
        """What a model is asked whose answers are begun."""
        if not self.begun:
            return self
        return self.model_copy(update={**self.begun.model_dump(exclude={"sentences"}), "demonstrations": ()})


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
