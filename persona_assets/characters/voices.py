"""How characters speak for whom a small model only finishes a sentence: how their answers begin, and their habits.

Such a model can keep facts or a voice up, hardly both. So it says what there is to say, and who says it is drawn: the
calling or the birthplace in the opening, the personality in a sentence before or after.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from persona_assets.personas.callings import fit_openings, read_calling
from persona_assets.personas.draws import draw
from persona_assets.yaml_files import read_yaml, validate_yaml

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


class Habit(BaseModel):
    """What somebody of a certain personality says around an answer, whatever was asked.

    Attributes:
        before: sentences of which one comes before the first answer of a session.
        after: sentences of which one comes after the last.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class Voices(BaseModel):
    """How characters speak.

    Attributes:
        openings: how a character's answers may begin.
        advice_openings: the same where somebody asks what to do; none: `openings`. "I can tell you that" leads a small
            model to say that it is important.
        habits: of speech, by words of a personality.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    openings: Openings = Openings()
    advice_openings: Openings | None = None
    habits: dict[str, Habit] = {}

    def draw_openings(self, row_id: str, character: Mapping[str, Any], questions: Sequence[str]) -> list[str]:
        """Draw how the answers of a session begin; equal for an equal pair of character and session.

        Args:
            row_id: of the pair.
            character: its persona and birthplace.
            questions: the user's turns.

        Returns:
            One for each answer; none where there are none that fit.
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

    def add_habits(self, row_id: str, character: Mapping[str, Any], answers: Sequence[str]) -> list[str]:
        """Add what the character is in the habit of saying to the answers of a session.

        Args:
            row_id: of the pair of character and session, by which it is drawn.
            character: its personality.
            answers: what it says of the matter.

        Returns:
            The answers, a sentence before the first and one after the last of them; as they are where the personality
            has none of the habits.
        """
        personality = str(character.get("personality") or "").casefold()
        found = [habit for words, habit in self.habits.items() if words.casefold() in personality]
        befores = [sentence for habit in found for sentence in habit.before]
        afters = [sentence for habit in found for sentence in habit.after]
        spoken = list(answers)
        if befores:
            spoken[0] = _join(draw(f"before of {row_id}", befores, 1)[0], spoken[0])
        if afters:
            spoken[-1] = _join(spoken[-1], draw(f"after of {row_id}", afters, 1)[0])
        return spoken


NO_VOICES = Voices()
"""Of characters whose model finds their voice itself."""


def _join(first: str, second: str) -> str:
    # A fence of code has a line of its own.
    return f"{first}\n\n{second}" if "```" in f"{first}{second}" else f"{first} {second}"


def read_voices(path: Path) -> tuple[bytes, Voices]:
    """Read a file of voices.

    Returns:
        Its bytes, which are part of the version of what takes it in, and what it says.

    Raises:
        PromptError: naming the file, and the line and key that is wrong.
    """
    source, values = read_yaml(path)
    return source, validate_yaml(path, source, values, Voices)
