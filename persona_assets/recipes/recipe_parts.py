"""The parts of a recipe file that are more than a value: how rows agree, converse, are begun and become examples."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from persona_assets.prompts import BegunPrompt, Demonstration, PromptFile
from persona_assets.recipes.checks import CHECKS


class TrainingExample(BaseModel):
    """How a row becomes an SFT example: templates over the row's columns, or a column that holds the turns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str = ""
    user: str = ""
    assistant: str = ""
    turns: str = Field("", description="Column with the turns, in place of user and assistant.")

    @model_validator(mode="after")
    def _check_turns(self) -> "TrainingExample":
        if bool(self.turns) == bool(self.user and self.assistant):
            raise ValueError("it has user and assistant, or turns")
        return self


class Agreement(BaseModel):
    """Several answers to one question are drawn, and a row is one on which enough of them agree.

    Attributes:
        field: the field that is compared, by mathematical equivalence.
        at_least: how many must agree.
        program: how a program is asked for that prints this field's value; it is one more answer where
            `sandbox.enabled` is set.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    field: str
    at_least: int = Field(2, ge=1)
    program: PromptFile | None = None


class AssistantPrompt(BaseModel):
    """How the assistant of a conversation answers: its system text, then the turns as chat messages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    temperature: float = Field(0.7, ge=0, le=2)
    max_tokens: int = Field(512, ge=1)


class Conversation(BaseModel):
    """The row is a conversation: the persona speaks by the file's own prompt, and somebody answers.

    Attributes:
        partner: assistant (a helpful model) or persona (another one of the hub).
        opening: template of the persona's first turn over the row that is read; none: the persona is asked for it.
        user_turns: turns of the persona at most.
        end_mark: what the persona says alone when it has what it wanted.
        assistant: how the assistant answers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    partner: Literal["assistant", "persona"] = "assistant"
    opening: str = ""
    user_turns: int = Field(3, ge=1, le=20)
    end_mark: str = "[END]"
    assistant: AssistantPrompt | None = None

    @model_validator(mode="after")
    def _check_assistant(self) -> "Conversation":
        if (self.partner == "assistant") != (self.assistant is not None):
            raise ValueError("assistant: the prompt of an assistant, where the partner is one")
        return self


class BegunRecipe(BegunPrompt):
    """What a model is asked whose answers are begun, in plain text.

    Attributes:
        sentences: that are kept of an answer.
        openings: how its answers may begin, drawn for each row.
        demonstrations: in place of those of the recipe.
        checks: that a row must pass beside those of the recipe.
    """

    sentences: int = Field(gt=0)
    openings: tuple[str, ...] = Field(min_length=1)
    demonstrations: tuple[Demonstration, ...] = ()
    checks: tuple[str, ...] = ()

    @field_validator("checks")
    @classmethod
    def _check_checks(cls, checks: tuple[str, ...]) -> tuple[str, ...]:
        return check_known(checks)


def check_known(checks: tuple[str, ...]) -> tuple[str, ...]:
    """Give the names of checks back.

    Raises:
        ValueError: for those that are none.
    """
    unknown = [check for check in checks if check not in CHECKS]
    if unknown:
        raise ValueError(f"{', '.join(unknown)} unknown; there are {', '.join(sorted(CHECKS))}")
    return checks
