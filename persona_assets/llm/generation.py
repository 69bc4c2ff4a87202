"""What is asked of the embedded model, and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from persona_assets.errors import PersonaAssetsError

FinishReason = Literal["stop", "length", "loop"]


class InvalidRequestError(PersonaAssetsError):
    """This request alone asks for something that the embedded model cannot do."""


class PromptTooLongError(PersonaAssetsError):
    """The prompt and the answer asked for do not fit the model's context window."""


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """How one answer is drawn.

    Attributes:
        temperature: 0 takes the likeliest token each time.
        top_p: share of the probability that tokens are drawn from, 0 to 1.
        seed: of the draw; None draws a fresh one.
        max_tokens: longest answer, in tokens.
        json_schema: the schema that the answer follows; an empty one means any JSON object; None for free text.
        stop: strings that end the answer and are not part of it.
        repetition_penalty: above 1 makes tokens that were used less likely.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    max_tokens: int = 512
    json_schema: Mapping[str, Any] | None = None
    stop: tuple[str, ...] = ()
    repetition_penalty: float = 1.0


@dataclass(frozen=True, slots=True)
class Generation:
    """One answer.

    Attributes:
        text: the answer, without the tokens of the chat format.
        finish_reason: stop, length (cut off by max_tokens) or loop (it ran in circles and was stopped).
        prompt_tokens: tokens of the prompt.
        completion_tokens: tokens generated.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
