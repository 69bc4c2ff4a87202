"""What is asked of a model, and what came back."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from persona_assets.prompts import Message


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call of a chat model.

    Attributes:
        temperature: 0 for greedy decoding; None leaves it to the provider.
        max_tokens: limit of the reply, in tokens; None leaves it to the provider.
        top_p: nucleus; None leaves it to the provider.
        schema: JSON schema that the reply must satisfy.
        sample: number of the draw; different numbers are different requests.
        task: asset on whose behalf it is asked; from here on it is bookkeeping.
        prompt_hash: version of the prompt file.
        origin_id: id of the row that it is asked about.
    """

    model: str
    messages: Sequence[Message]
    temperature: float | None
    max_tokens: int | None
    top_p: float | None = None
    schema: Mapping[str, Any] | None = None
    sample: int = 0
    task: str = ""
    shard: str = ""
    prompt_hash: str = ""
    origin_id: str = ""

    def content_key(self, model_identity: str) -> str:
        """The ledger's key: a hash of what decides the reply, 64 hexadecimal digits; see `identify_model`.

        `max_tokens` and how the request travels stay outside: a longer limit or another server of the same
        model is the same question.
        """
        content: dict[str, Any] = {
            "model": model_identity,
            "messages": [[message["role"], message["content"]] for message in self.messages],
            # 0 and 0.0 are one question.
            "temperature": None if self.temperature is None else float(self.temperature),
            "top_p": None if self.top_p is None else float(self.top_p),
            "schema": self.schema,
            "stop": (),  # no request has any, but the keys that are stored do
            "sample": self.sample,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def with_sample(self, sample: int) -> Self:
        """The same question, drawn another time."""
        return self if sample == self.sample else replace(self, sample=sample)

    def with_turns(self, *turns: Message) -> Self:
        """The same conversation, longer."""
        return replace(self, messages=[*self.messages, *turns])


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered.

    Attributes:
        finish_reason: stop, length (cut by the token limit) or content_filter (the provider's filter, or a refusal that
            it marks as such).
        cost: in US dollars; None where the model's price is unknown.
        cached: taken from the ledger, so nothing was sent.
        response_format: how JSON was asked for: schema, json or none; None for plain text, or where an older ledger
            does not say.
        reasoning: what the model thought before it answered, as far as the provider shows it.
    """

    key: str
    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    cached: bool = False
    response_format: str | None = None
    reasoning: str = ""


class RefusedError(Exception):
    """One request that gets no reply; the run goes on. `reason`: for the accounting, such as prompt_too_long."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
