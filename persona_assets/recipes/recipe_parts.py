"""The parts of a recipe file that are more than a value: how rows agree, converse and become examples."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from persona_assets.personas.draws import draw_weighted
from persona_assets.prompts import PromptFile


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
        own: column of the row read with the answer of whoever wrote it: a row that is not equivalent to it is
            doubted, `answer_differs`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    field: str
    at_least: int = Field(2, ge=1)
    program: PromptFile | None = None
    own: str | None = None


class AssistantPrompt(BaseModel):
    """How the assistant of a conversation answers: its system text, then the turns as chat messages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    temperature: float | None = Field(None, ge=0, le=2, description="None: that of the file.")
    max_tokens: int | None = Field(2_048, ge=1, description="None: that of the file.")


class Conversation(BaseModel):
    """The row is a conversation: the persona speaks by the file's own prompt, and somebody answers.

    Attributes:
        partner: assistant (a helpful model) or persona (another one of the hub, by the same prompt).
        opening: template of the persona's first turn over the row that is read; none: the persona is asked for it.
        user_turns: weights by the number of the persona's turns, one of which is drawn for each row.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    partner: Literal["assistant", "persona"] = "assistant"
    opening: str = ""
    user_turns: dict[int, float] = Field({3: 1.0}, min_length=1)
    assistant: AssistantPrompt | None = None

    @field_validator("user_turns", mode="before")
    @classmethod
    def _read_number(cls, value: Any) -> Any:
        return {value: 1.0} if isinstance(value, int) else value

    @field_validator("user_turns")
    @classmethod
    def _check_turns(cls, weights: dict[int, float]) -> dict[int, float]:
        if not all(1 <= number <= 50 for number in weights):
            raise ValueError("a conversation has 1 to 50 turns of the user")
        if min(weights.values()) < 0 or not sum(weights.values()):
            raise ValueError("weights are not negative, and one of them is not 0")
        return weights

    @model_validator(mode="after")
    def _check_assistant(self) -> "Conversation":
        if (self.partner == "assistant") != (self.assistant is not None):
            raise ValueError("assistant: the prompt of an assistant, where the partner is one")
        return self

    @property
    def questions(self) -> float:
        """Turns that a model is asked for, on average."""
        mean = sum(number * weight for number, weight in self.user_turns.items()) / sum(self.user_turns.values())
        return 2 * mean - bool(self.opening)

    def draw_user_turns(self, lot: str) -> int:
        """Draw the number of the persona's turns by a lot."""
        return draw_weighted(f"{lot}|turns", self.user_turns)
