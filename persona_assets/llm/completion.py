"""What is read out of a chat completion: the answer, apart from the reasoning before it, and why it ended."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FINISH_REASONS = {
    **dict.fromkeys(("max_tokens", "MAX_TOKENS", "model_length"), "length"),
    **dict.fromkeys(("content_filtered", "refusal", "sensitive", "SAFETY"), "content_filter"),
    **dict.fromkeys(("eos", "eos_token", "stop_sequence", "end_turn"), "stop"),
}
"""What servers say for OpenAI's words."""

_OPENING = re.compile(r"\s*(?:<(?:\w+:)?(?:think|thinking|thought)>|<\|channel\|>analysis<\|message\|>)")
_CLOSING = re.compile(r"</(?:\w+:)?(?:think|thinking|thought)>|<\|channel\|>final<\|message\|>")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, and thought before, as far as that is shown.

    `reason`: why it ended: stop, length or content_filter (as which a refusal of the provider's own counts too).
    """

    text: str
    reasoning: str
    reason: str


def read_text(body: Mapping[str, Any]) -> Answer:
    """Read the answer out of a stored response.

    Reasoning is no part of it, wherever the server puts it: in a field of its own, in a part of the content, or between
    marks at the beginning of the text, of which a chat template may have swallowed the first and a token limit the
    second.
    """
    choice = body["choices"][0]
    message = choice["message"]
    named = choice.get("finish_reason")
    reason = _FINISH_REASONS.get(named, named) if isinstance(named, str) and named else "stop"
    content, thought = _read_content(message.get("content"))
    reasoning = _read_string(message, "reasoning_content") or _read_string(message, "reasoning") or thought
    if not content:
        refusal = _read_string(message, "refusal") or _read_string(message.get("provider_specific_fields"), "refusal")
        if refusal:
            return Answer(_clean(refusal), _clean(reasoning), "content_filter")
    text, marked = _take_apart(content)
    reasoning = "\n".join(filter(None, (reasoning, marked)))
    # The blank lines between the two belong to neither.
    return Answer(_clean(text.lstrip() if reasoning else text), _clean(reasoning.strip()), reason)


def count_tokens(body: Mapping[str, Any]) -> tuple[int, int]:
    """The tokens read and written, as the server counts them; 0 where it does not say."""
    usage = body.get("usage")
    fields: Mapping[str, Any] = usage if isinstance(usage, Mapping) else {}
    return _read_count(fields.get("prompt_tokens")), _read_count(fields.get("completion_tokens"))


def has_usage(body: Mapping[str, Any]) -> bool:
    """Whether the server says how many tokens it read and wrote; an answer of no tokens was not counted."""
    return all(count_tokens(body))


def _read_content(content: Any) -> tuple[str, str]:
    """The text and the thinking of a message's content, which may come in parts."""
    if isinstance(content, str):
        return content, ""
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    thoughts = [_read_content(part["thinking"])[0] for part in parts if part.get("thinking")]
    return "".join(_read_string(part, "text") for part in parts), "\n".join(thoughts)


def _take_apart(text: str) -> tuple[str, str]:
    opening = _OPENING.match(text)
    start = opening.end() if opening else 0
    closing = _CLOSING.search(text, start)
    # Marks that the answer itself writes of are left alone.
    if closing and not (opening is None and _OPENING.search(text, 0, closing.start())):
        return text[closing.end() :], text[start : closing.start()]
    # Never closed: there was nothing after it.
    return ("", text[start:]) if opening else (text, "")


def _read_string(fields: Any, name: str) -> str:
    value = fields.get(name) if isinstance(fields, Mapping) else None
    return value if isinstance(value, str) else ""


def _read_count(value: Any) -> int:
    try:
        return max(0, int(float(value or 0)))
    except (TypeError, ValueError, OverflowError):
        return 0


def _clean(text: str) -> str:
    # Half a surrogate pair, which JSON can spell, fits into no file.
    return text.encode("utf-8", "replace").decode()
