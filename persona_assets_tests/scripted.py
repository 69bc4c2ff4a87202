"""A model for tests: `scripted/NAME` as a litellm provider, whose replies depend on messages, seed and schema alone.

    scripted/plain     right answers, with the few refusals, repeats and slips that every model has
    scripted/faulty    many bad replies besides: refused, empty, cut off, no JSON; a third of its sums are wrong
    scripted/doubtful  every third reply stammers, which a check flags
    scripted/slow      as plain, after a twentieth of a second

Any other name is a further model that answers as well as `plain`, unless a test taught it (`teach`).
"""

import asyncio
import functools
import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from persona_assets.llm import provider
from persona_assets_tests.scripted_replies import REFUSAL, Question, name_fields, write_answer

PROVIDER = "scripted"
SLOW_SECONDS = 0.05
_DEFAULT_MAX_TOKENS = 1 << 20
_CORRECTION = "That does not fit:"


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """An answer, and why it ended: stop or length."""

    text: str
    finish_reason: str


Answer = Callable[[Sequence[Mapping[str, Any]]], "str | ScriptedReply"]
"""What a taught model does: from the messages of a call to its answer."""

_taught: dict[str, Answer] = {}


def teach(model: str, answer: Answer) -> str:
    """Let `scripted/MODEL` answer by a function, for tests that need one certain reply.

    Args:
        model: its name; one of its own for each test, since the ledger knows a model by its name.
        answer: makes the answer from the messages; an exception of litellm that it raises arrives as the provider's.

    Returns:
        The model's whole name.
    """
    _taught[model] = answer
    return f"{PROVIDER}/{model}"


def reply(model: str, messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]) -> ScriptedReply:
    """Answer as `scripted/MODEL` does; no litellm is needed.

    Args:
        model: plain, faulty, doubtful, slow or any other name.
        messages: chat messages.
        parameters: seed, max_tokens and response_format count.

    Returns:
        The same reply for the same arguments, on every machine.
    """
    if model in _taught:
        answer = _taught[model](messages)
        return answer if isinstance(answer, ScriptedReply) else ScriptedReply(answer, "stop")
    turns, is_correction = _drop_correction(list(messages))
    seed, user = parameters.get("seed"), str(turns[-1]["content"])
    question = Question(
        user=user,
        schema=_read_schema(parameters.get("response_format")) or name_fields(user),
        draw=_dice(model, turns, seed),
        topic=_dice(model, turns),
        errs=0.35 if model == "faulty" else 0.1,
    )
    text = write_answer(question)
    if model == "doubtful" and question.draw.random() < 1 / 3:
        text = _stammer(text)
    if model == "faulty" and not is_correction:
        text, is_cut = _spoil(text, question)
        if is_cut:
            return ScriptedReply(text, "length")
    words = text.split(" ")
    limit = int(parameters.get("max_tokens") or _DEFAULT_MAX_TOKENS)
    return ScriptedReply(text, "stop") if len(words) <= limit else ScriptedReply(" ".join(words[:limit]), "length")


def register_scripted_provider() -> None:
    """Make litellm answer `scripted/...` now; imports litellm. A second call changes nothing."""
    install_scripted_provider()
    provider.load_litellm()


def install_scripted_provider() -> None:
    """Register the model as soon as the package itself loads litellm, and not before."""
    load = provider.load_litellm
    if load.__name__ == _load_with_scripted.__name__:
        return

    provider.load_litellm = functools.wraps(_load_with_scripted)(lambda: _load_with_scripted(load))  # type: ignore[assignment]


def _load_with_scripted(load: Callable[[], Any]) -> Any:
    litellm = load()
    if all(entry["provider"] != PROVIDER for entry in litellm.custom_provider_map):
        from litellm.utils import custom_llm_setup

        litellm.custom_provider_map.append({"provider": PROVIDER, "custom_handler": _make_handler()})
        custom_llm_setup()
    return litellm


def _spoil(text: str, question: Question) -> tuple[str, bool]:
    lot = question.draw.random()
    if lot < 0.10:
        return REFUSAL, False
    if lot < 0.15:
        return "", False
    if lot < 0.25:
        return text[: len(text) * 2 // 3], True
    if lot < 0.40 and text.startswith("{"):
        return question.draw.choice((f"Here is the JSON:\n{text}", text[:-1], "Here it is, in plain words.")), False
    return text, False


def _stammer(text: str) -> str:
    # In JSON, this is in the last text of the answer; code and refusals are left as they are.
    if text == REFUSAL or text.startswith("```"):
        return text
    end = max(text.rfind(mark) for mark in ".?") + 1
    return f"{text[:end]} No, no, no, no, no.{text[end:]}" if end else text


def _drop_correction(messages: list[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], bool]:
    """Leave out what asks again for a malformed answer; say whether there was any."""
    if len(messages) >= 2 and str(messages[-1]["content"]).startswith(_CORRECTION):
        return messages[:-2], True
    return messages, False


def _read_schema(response_format: Any) -> Mapping[str, Any] | None:
    match response_format:
        case {"type": "json_schema", "json_schema": {"schema": Mapping() as schema}}:
            return schema
    return None


def _dice(*parts: Any) -> random.Random:
    digest = hashlib.sha256(json.dumps(parts, ensure_ascii=False, default=str).encode()).digest()
    return random.Random(int.from_bytes(digest[:8]))


@functools.cache
def _make_handler() -> Any:
    import litellm

    class ScriptedLLM(litellm.CustomLLM):  # type: ignore[misc]
        """Fills litellm's response."""

        async def acompletion(self, *_: Any, **call: Any) -> Any:
            model = call["model"]
            if model == "slow":
                await asyncio.sleep(SLOW_SECONDS)
            answer = reply(model, call["messages"], call["optional_params"])
            response = call["model_response"]
            response.choices[0].message.content = answer.text
            response.choices[0].finish_reason = answer.finish_reason
            response.model = f"{PROVIDER}/{model}"
            read = sum(len(str(message["content"]).split()) for message in call["messages"])
            written = len(answer.text.split())
            response.usage = litellm.Usage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)
            return response

        def completion(self, *_: Any, **call: Any) -> Any:
            return asyncio.run(self.acompletion(**call))

    return ScriptedLLM()
