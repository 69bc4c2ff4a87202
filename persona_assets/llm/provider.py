"""One attempt at one request: at an OpenAI-compatible server directly, at any other through litellm."""

import asyncio
import functools
import logging
import os
import re
import sys
import zlib
from dataclasses import dataclass
from typing import Any

from persona_assets.llm import chat_server, price_table
from persona_assets.llm.provider_errors import OverloadedError, SchemaUnsupportedError, TransientError, read_error
from persona_assets.llm.request import ChatRequest
from persona_assets.settings import ModelSettings

_SEEDED = frozenset({"embedded", "hosted_vllm", "ollama", "ollama_chat", "scripted"})
"""Providers that take a seed; elsewhere an unknown parameter can be an error."""

_GRACE = 5.0
"""Seconds beyond `model.timeout` in which litellm's client may notice for itself: what it says is more exact."""

_FINISH_REASONS = {
    **dict.fromkeys(("max_tokens", "MAX_TOKENS", "model_length"), "length"),
    **dict.fromkeys(("content_filtered", "refusal", "sensitive", "SAFETY"), "content_filter"),
    **dict.fromkeys(("eos", "eos_token", "stop_sequence", "end_turn"), "stop"),
}
"""What servers say for OpenAI's words."""

_THOUGHT = re.compile(r"<(?:think|thinking|budget:thinking)>.*?</(?:think|thinking|budget:thinking)>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RawReply:
    """A response as the provider sent it, and what the ledger has to know of it.

    Attributes:
        body: the whole response.
        prompt_tokens: tokens read.
        completion_tokens: tokens written.
        cost: in US dollars; None where the model's price is unknown.
    """

    body: dict[str, Any]
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


def read_text(body: dict[str, Any]) -> tuple[str, str]:
    """Take the answer and the finish reason out of a stored response.

    Returns:
        The text, and stop, length, loop or content_filter (which is also what a refusal of the provider's own
        counts as).
    """
    choice = body["choices"][0]
    message = choice["message"]
    reason = (choice.get("provider_specific_fields") or {}).get("stopped_by") or choice.get("finish_reason") or "stop"
    reason = _FINISH_REASONS.get(reason, str(reason))
    text = message.get("content")
    if not isinstance(text, str) or not text:
        refusal = message.get("refusal") or (message.get("provider_specific_fields") or {}).get("refusal")
        return ("", reason) if not isinstance(refusal, str) else (_clean(refusal), "content_filter")
    thought = _THOUGHT.match(text)
    return _clean(text[thought.end() :] if thought else text), reason


def derive_seed(key: str) -> int:
    """The sampling seed of a request: fixed by its content, so that a local model repeats itself."""
    return zlib.crc32(key.encode()) & 0x7FFFFFFF


async def complete(request: ChatRequest, key: str, settings: ModelSettings, response_format: Any) -> RawReply:
    """Send one request once.

    Args:
        request: what is asked.
        key: its key, from which the seed is derived.
        settings: address, key and time-out of the provider.
        response_format: OpenAI's response format, or None.

    Returns:
        The raw response.

    Raises:
        ThrottledError: on a 429.
        TransientError: on a time-out, a 5xx, a lost connection or an answer without a message.
        RefusedError: when this request alone cannot be answered.
        SchemaUnsupportedError: when the provider does not take the response format.
        ModelError: when no request can be answered: wrong key, unknown model or provider.
    """
    server = chat_server.find_server(request.model, settings)
    if server is None:
        return await _complete_by_litellm(request, key, settings, response_format)
    body = {
        "model": request.model.partition("/")[2],
        "messages": list(request.messages),
        **_choose_sampling(request, key, response_format),
    }
    try:
        answer = await chat_server.post_chat(server, body, settings.timeout)
    except (chat_server.ServerError, chat_server.NoCompletionError) as error:
        raise read_error(error, request, settings, response_format) from None
    return _to_raw_reply(answer, _compute_cost(request.model, answer))


def write_batch_body(request: ChatRequest, key: str, response_format: Any) -> dict[str, Any]:
    """Write the body that a request has in a batch: litellm names the parameters as the model wants them.

    Args:
        request: what is asked.
        key: its key, from which the seed is derived.
        response_format: OpenAI's response format, or None.
    """
    load_litellm()
    from litellm.utils import get_optional_params

    provider, _, name = request.model.partition("/")
    sampling = _choose_sampling(request, key, response_format)
    parameters = get_optional_params(model=name, custom_llm_provider=provider, drop_params=True, **sampling)
    written = {parameter: value for parameter, value in parameters.items() if value not in (None, False, {})}
    return {"model": name, "messages": list(request.messages), **written}


def read_batch_body(model: str, body: dict[str, Any]) -> RawReply:
    """Read the response that a batch holds for one request; tokens cost less in a batch.

    Args:
        model: litellm's name of the model.
        body: what the server answered.

    Raises:
        ServerError: if the body is an error.
        NoCompletionError: if it is no completion.
    """
    answer = chat_server.check_completion(body)
    return _to_raw_reply(answer, _compute_cost(model, {**answer, "service_tier": price_table.IN_BATCHES}))


async def _complete_by_litellm(
    request: ChatRequest, key: str, settings: ModelSettings, response_format: Any
) -> RawReply:
    litellm = load_litellm()
    import openai

    if response_format and not _takes_format(litellm, request.model):
        raise SchemaUnsupportedError("litellm knows of no response_format for this provider, and would leave it out")
    # An HTTP client may count the time between two bytes only: a server that sends one now and then would hold a
    # slot for ever. The embedded model counts for itself, from when it is loaded.
    seconds = None if request.model.startswith("embedded/") else settings.timeout + _GRACE
    try:
        async with asyncio.timeout(seconds):
            response = await litellm.acompletion(
                model=request.model,
                messages=list(request.messages),
                timeout=settings.timeout,
                num_retries=0,
                max_retries=0,
                drop_params=True,
                **_choose_sampling(request, key, response_format),
                **_choose_parameters(request, settings),
            )
    except TimeoutError:
        raise OverloadedError(f"no whole answer within {seconds:g} seconds (see model.timeout)") from None
    except openai.OpenAIError as error:
        # Every exception of litellm that concerns a call descends from it.
        raise read_error(error, request, settings, response_format) from None
    return _read_response(litellm, response, request.model)


@functools.cache
def load_litellm() -> Any:
    """Import litellm, quiet, offline and with our embedded provider."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    from persona_assets.llm.embedded_provider import register_embedded_provider

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.ERROR)
    register_embedded_provider()
    return litellm


async def close_connections() -> None:
    """Close the connections that are kept, also litellm's if it was ever imported."""
    await chat_server.close_sessions()
    if "litellm" in sys.modules:
        await load_litellm().close_litellm_async_clients()


def _choose_sampling(request: ChatRequest, key: str, response_format: Any) -> dict[str, Any]:
    parameters = {
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "top_p": request.top_p,
        "stop": list(request.stop) or None,
        "response_format": response_format,
        "seed": derive_seed(key) if request.model.split("/")[0] in _SEEDED else None,
    }
    return {name: value for name, value in parameters.items() if value is not None}


def _choose_parameters(request: ChatRequest, settings: ModelSettings) -> dict[str, Any]:
    provider = request.model.split("/")[0]
    parameters: dict[str, Any]
    if provider == "embedded":
        parameters = {"context_tokens": settings.context_tokens, "repetition_penalty": request.repetition_penalty}
    else:
        parameters = choose_address(provider, settings)
    return {name: value for name, value in parameters.items() if value is not None}


def choose_address(provider: str, settings: ModelSettings) -> dict[str, Any]:
    """The address and key that litellm is to use, as far as they are set."""
    address = {"api_base": settings.api_base, "api_key": _choose_key(provider, settings)}
    return {name: value for name, value in address.items() if value is not None}


@functools.cache
def _takes_format(litellm: Any, model: str) -> bool:
    # None where litellm does not know the provider; the call itself then says what is wrong.
    known = litellm.get_supported_openai_params(model)
    return known is None or "response_format" in known


def _choose_key(provider: str, settings: ModelSettings) -> str | None:
    if settings.api_key:
        return settings.api_key.get_secret_value()
    # A server of one's own wants no key, but the OpenAI client refuses to start without one.
    return "none" if provider == "openai" and settings.api_base and "OPENAI_API_KEY" not in os.environ else None


def _read_response(litellm: Any, response: Any, model: str) -> RawReply:
    body: dict[str, Any] = response.model_dump(exclude_none=True)
    if not body.get("choices") or "message" not in body["choices"][0]:
        raise TransientError("the server's answer holds no message")
    return _to_raw_reply(body, _find_cost(litellm, response, model))


def _to_raw_reply(body: dict[str, Any], cost: float | None) -> RawReply:
    usage = body.get("usage") or {}
    return RawReply(body, usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0, cost)


def _compute_cost(model: str, body: dict[str, Any]) -> float | None:
    prices = price_table.find_prices(model)
    if prices is None:
        return None
    if price_table.is_plain(prices):
        return price_table.compute_cost(prices, body)
    litellm = load_litellm()
    in_batch = body.get("service_tier") == price_table.IN_BATCHES
    cost = _find_cost(litellm, litellm.ModelResponse(**({**body, "service_tier": None} if in_batch else body)), model)
    return cost * price_table.BATCH_SHARE if cost is not None and in_batch else cost


def _find_cost(litellm: Any, response: Any, model: str) -> float | None:
    if model.startswith("embedded/"):
        return 0.0
    if price_table.find_prices(model) is None:
        return None
    try:
        return float(litellm.completion_cost(completion_response=response, model=model))
    except Exception as error:  # noqa: BLE001 - litellm raises bare Exception for a model it cannot price
        logging.getLogger(__name__).debug("no price for %s: %s", model, error)
        return None


def _clean(text: str) -> str:
    # Half a surrogate pair, which JSON can spell, fits into no file.
    return text.encode("utf-8", "replace").decode()
