"""What a failed attempt means: a transport's exceptions, by status and cause, become the few that the client knows."""

import math
import re
import socket
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from persona_assets.errors import ModelError
from persona_assets.llm.dialect import Call, Feature
from persona_assets.llm.request import RefusedError
from persona_assets.settings import ModelSettings

_KEY_LIKE = re.compile(r"\b(?:sk|pk|key|bearer)[-_ ][\w*.-]{8,}", re.IGNORECASE)
_MODERATION_WORDS = ("moderation", "flagged")
_FILTER_WORDS = ("content_policy", "content policy", "content management policy", "safety system")
_TOO_LONG_WORDS = (
    "context length", "context size", "context window", "context limit", "prompt is too long", "maximum input length",
    "max_new_tokens` must be",
)  # fmt: skip
_NO_MONEY_WORDS = ("insufficient_quota", "exceeded your current quota", "credit balance")
_OVERLOAD = frozenset({408, 503, 504, 529})
"""What servers say that have too much to do; litellm gives 408 to its own time-outs too."""


class PassingError(Exception):
    """The attempt failed, and the next one may succeed. `retry_after`: seconds that the server named, or None."""

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TransientError(PassingError):
    """It failed for a reason that may pass: a time-out, a server error, a lost connection."""


class UnreachableError(TransientError):
    """Nobody answered at the address."""


class OverloadedError(TransientError):
    """The server has too much to do, or answers too late."""


class ThrottledError(PassingError):
    """The provider asks to wait."""


class NotTakenError(Exception):
    """The provider does not take something of a request, which can be said in another way or left out."""

    def __init__(self, feature: Feature, call: Call, detail: str) -> None:
        super().__init__(detail)
        self.feature = feature
        self.call = call


def read_error(error: Exception, model: str, settings: ModelSettings, call: Call | None = None) -> Exception:
    """Say what a failed attempt means, without a key in the text. `call`: what was sent; None where it was no chat.

    Returns:
        A `PassingError`, `NotTakenError`, `RefusedError` (this request alone gets no reply) or `ModelError` (none would
        get one).
    """
    if ours := next((origin for origin in _walk(error) if isinstance(origin, ModelError)), None):
        return ours
    text = _describe(error, settings)
    status = getattr(error, "status_code", None)
    if "ContextWindowExceeded" in type(error).__name__ or status == 413:
        return RefusedError("prompt_too_long", text)
    if status == 429 and not _mentions(text, _NO_MONEY_WORDS):
        return ThrottledError(text, read_retry_after(error))
    if status in {400, 422}:
        return _read_bad_request(text, model, call)
    return _read_final(status, text, model, settings) or _read_failure(error, status, text)


def read_retry_after(error: Exception) -> float | None:
    """The seconds that a provider asks to wait: its Retry-After header, a number or a date."""
    litellm_headers = getattr(error, "litellm_response_headers", None)
    headers: Mapping[str, str] = litellm_headers or getattr(error, "headers", None) or {}
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _seconds_until(date: str) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return math.nan
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()


def _read_failure(error: Exception, status: int | None, text: str) -> TransientError:
    if _is_unreachable(error):
        return UnreachableError(text)
    if status in _OVERLOAD or any(isinstance(origin, TimeoutError) for origin in _walk(error)):
        return OverloadedError(text, read_retry_after(error))
    return TransientError(text)


def _read_bad_request(text: str, model: str, call: Call | None) -> Exception:
    if "LLM Provider NOT provided" in text or "Unmapped LLM provider" in text:
        return ModelError(
            f"model.name: {model} names no provider that is known. Write provider/model, for example"
            " openai/NAME with model.api_base for a server of your own, or ollama_chat/NAME."
        )
    if _mentions(text, _TOO_LONG_WORDS):
        return RefusedError("prompt_too_long", text)
    if call and (feature := call.find_refused(text)):
        return NotTakenError(feature, call, text)
    return RefusedError("content_filter" if _mentions(text, _FILTER_WORDS) else "bad_request", text)


def _read_final(status: int | None, text: str, model: str, settings: ModelSettings) -> Exception | None:
    if status == 403 and _mentions(text, _MODERATION_WORDS):
        return RefusedError("content_filter", text)
    at = f" at {settings.api_base}" if settings.api_base else ""
    if status in {401, 403}:
        return ModelError(
            f"model.api_key: the provider of {model}{at} refuses the key: {text}."
            " Set PERSONA_ASSETS__MODEL__API_KEY (or the provider's own variable), then run again."
        )
    if status == 404:
        return ModelError(
            f"model.name: {model} is not known to its provider{at}: {text}."
            " Correct model.name, or model.api_base if it names the wrong address."
        )
    if status in {402, 429}:
        return ModelError(
            f"model.api_key: the account that pays for {model} has nothing left: {text}."
            " Every response so far is in the ledger: top it up, then run again."
        )
    return None


def _is_unreachable(error: Exception) -> bool:
    names = {
        "ConnectError", "ClientConnectorError", "ClientConnectorDNSError", "ClientProxyConnectionError",
        "ConnectionTimeoutError",
    }  # fmt: skip
    return any(
        isinstance(origin, ConnectionRefusedError | socket.gaierror) or type(origin).__name__ in names
        for origin in _walk(error)
    )


def _walk(error: BaseException) -> Iterator[BaseException]:
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if current is not None and id(current) not in seen:
            seen.add(id(current))
            yield current
            waiting += [current.__cause__, current.__context__]


def _mentions(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text.lower() for word in words)


def _describe(error: Exception, settings: ModelSettings) -> str:
    text = str(error)
    if settings.api_key and settings.api_key.get_secret_value():
        text = text.replace(settings.api_key.get_secret_value(), "…")
    text = _KEY_LIKE.sub("…", text)
    return " ".join(text.removeprefix("litellm.").split())[:400].rstrip(".")
