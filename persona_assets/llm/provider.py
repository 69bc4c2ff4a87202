"""One attempt at one request: at an OpenAI-compatible server directly, at any other through litellm."""

import asyncio
import functools
import logging
import os
import sys
from dataclasses import dataclass
from typing import Any

from persona_assets.llm import chat_server, price_table
from persona_assets.llm.completion import count_tokens, has_usage
from persona_assets.llm.dialect import Call
from persona_assets.llm.provider_errors import NotTakenError, OverloadedError, TransientError, read_error
from persona_assets.llm.request import ChatRequest, RefusedError
from persona_assets.settings import ModelSettings

_GRACE = 5.0
"""Seconds beyond `model.timeout` in which litellm's client may notice for itself: what it says is more exact."""

NOT_RECORDED = "not_recorded"
"""Reason under which a request that a recorded model has no reply to is accounted for."""

_log = logging.getLogger(__name__)

_LONGEST_EXCERPT = 200


@dataclass(frozen=True, slots=True)
class RawReply:
    """A response as the provider sent it. `cost`: US dollars; None where the price or the tokens are unknown."""

    body: dict[str, Any]
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


async def complete(request: ChatRequest, call: Call, settings: ModelSettings) -> RawReply:
    """Send one request once.

    Raises:
        ThrottledError: on a 429.
        TransientError: on a time-out, a 5xx, a lost connection or an answer without a message.
        RefusedError: when this request alone cannot be answered, or a recorded model has no reply to it.
        NotTakenError: when the provider does not take something of the call.
        ModelError: when no request can be answered: wrong key, unknown model or provider.
    """
    provider = request.model.partition("/")[0]
    if provider == "embedded":
        return await _complete_in_process(request, call, settings)
    server = chat_server.find_server(request.model, settings)
    if server is None:
        if provider == chat_server.RECORDED:
            raise _say_unrecorded(request)
        return await _complete_by_litellm(request, call, settings)
    body = {"model": request.model.partition("/")[2], "messages": call.messages, **call.parameters}
    try:
        answer = await chat_server.post_chat(server, body, settings.timeout)
    except (chat_server.ServerError, chat_server.NoCompletionError) as error:
        raise read_error(error, request.model, settings, call) from None
    return _to_raw_reply(answer, _compute_cost(request.model, answer))


def write_batch_body(model: str, call: Call) -> dict[str, Any]:
    """Write the body that a call has in a batch: litellm names the parameters as the model wants them."""
    load_litellm()
    from litellm.utils import get_optional_params

    provider, _, name = model.partition("/")
    parameters = get_optional_params(model=name, custom_llm_provider=provider, drop_params=True, **call.parameters)
    written = {parameter: value for parameter, value in parameters.items() if value not in (None, False, {})}
    return {"model": name, "messages": call.messages, **written}


def read_batch_body(model: str, body: dict[str, Any]) -> RawReply:
    """Read the response that a batch holds for one request, as `check_completion` does; tokens cost less in a batch."""
    answer = chat_server.check_completion(body)
    return _to_raw_reply(answer, _compute_cost(model, {**answer, "service_tier": price_table.IN_BATCHES}))


async def _complete_in_process(request: ChatRequest, call: Call, settings: ModelSettings) -> RawReply:
    from persona_assets.llm import embedded

    engine = embedded.open_engine(embedded.find_file(request.model))
    try:
        async with asyncio.timeout(settings.timeout):
            body = await asyncio.wrap_future(engine.submit(call.messages, call.parameters))
    except TimeoutError:
        raise OverloadedError(f"no whole answer within {settings.timeout:g} seconds (see model.timeout)") from None
    return _to_raw_reply(body, 0.0)


async def _complete_by_litellm(request: ChatRequest, call: Call, settings: ModelSettings) -> RawReply:
    litellm = load_litellm()
    import openai

    if call.asked_by in {"schema", "json"} and not _takes_format(litellm, request.model):
        reason = "litellm knows of no response_format for this provider, and would leave it out"
        raise NotTakenError(call.asked_by, call, reason)
    # An HTTP client may count the time between two bytes only: a server that sends one now and then would hold a
    # slot for ever.
    seconds = settings.timeout + _GRACE
    try:
        async with asyncio.timeout(seconds):
            response = await litellm.acompletion(
                model=request.model,
                messages=call.messages,
                timeout=settings.timeout,
                num_retries=0,
                max_retries=0,
                drop_params=True,
                **call.parameters,
                **choose_address(request.model.split("/")[0], settings),
            )
    except TimeoutError:
        raise OverloadedError(f"no whole answer within {seconds:g} seconds (see model.timeout)") from None
    except openai.OpenAIError as error:
        # Every exception of litellm that concerns a call descends from it.
        raise read_error(error, request.model, settings, call) from None
    return _read_response(litellm, response, request.model)


def _say_unrecorded(request: ChatRequest) -> RefusedError:
    about = f", about {request.origin_id}" if request.origin_id else ""
    asked = " ".join(request.messages[-1]["content"].split()) if request.messages else ""
    excerpt = asked if len(asked) <= _LONGEST_EXCERPT else f"{asked[:_LONGEST_EXCERPT]}…"
    problem = (
        f"{request.model} has no recorded reply for a request of {request.task or 'no task'}, shard"
        f" {request.shard or 'none'}{about}: “{excerpt}”. `make record` collects what is missing; or name a model that"
        " answers (model.name)."
    )
    _log.warning(problem)
    return RefusedError(NOT_RECORDED, problem)


@functools.cache
def load_litellm() -> Any:
    """Import litellm, quiet and offline."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return litellm


async def close_connections() -> None:
    """Close the connections that are kept, also litellm's if it was ever imported."""
    await chat_server.close_sessions()
    if "litellm" in sys.modules:
        await load_litellm().close_litellm_async_clients()


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
    return RawReply(body, *count_tokens(body), cost)


def _compute_cost(model: str, body: dict[str, Any]) -> float | None:
    prices = price_table.find_prices(model)
    if prices is None or not has_usage(body):
        return None
    if price_table.is_plain(prices):
        return price_table.compute_cost(prices, body)
    litellm = load_litellm()
    in_batch = body.get("service_tier") == price_table.IN_BATCHES
    cost = _find_cost(litellm, litellm.ModelResponse(**({**body, "service_tier": None} if in_batch else body)), model)
    return cost * price_table.BATCH_SHARE if cost is not None and in_batch else cost


def _find_cost(litellm: Any, response: Any, model: str) -> float | None:
    if price_table.find_prices(model) is None:
        return None
    try:
        return float(litellm.completion_cost(completion_response=response, model=model))
    except Exception as error:  # noqa: BLE001 - litellm raises bare Exception for a model it cannot price
        _log.debug("no price for %s: %s", model, error)
        return None
