"""What a request can cost at most, by litellm's table of prices."""

import json
import logging

from persona_assets.llm import price_table, provider
from persona_assets.llm.request import ChatRequest

_TOKENS_AROUND_A_MESSAGE = 16
_TOKENS_AROUND_A_SCHEMA = 400
"""Providers wrap a schema in words of their own; the longest that was seen is a tool's, of about 350 tokens."""


def bound_cost(request: ChatRequest) -> float | None:
    """The most that one attempt at a request can cost.

    Args:
        request: what would be sent.

    Returns:
        US dollars; None where the model's price is unknown.
    """
    return price_tokens(request.model, _bound_tokens(request), request.max_tokens)


def price_tokens(model: str, read: int, written: int) -> float | None:
    """What tokens cost at list price.

    Args:
        model: litellm's name of the model.
        read: tokens of the prompt.
        written: tokens of the reply.

    Returns:
        US dollars; 0 for an embedded model, None where the model's price is unknown.
    """
    if model.startswith("embedded/"):
        return 0.0
    prices = price_table.find_prices(model)
    if prices is None:
        return None
    if price_table.is_plain(prices):
        return price_table.compute_cost(prices, {"usage": {"prompt_tokens": read, "completion_tokens": written}})
    return _ask_litellm(model, read, written)


def _ask_litellm(model: str, read: int, written: int) -> float | None:
    try:
        costs = provider.load_litellm().cost_per_token(model=model, prompt_tokens=read, completion_tokens=written)
    except Exception as error:  # noqa: BLE001 - litellm raises bare Exception for a model it cannot price
        logging.getLogger(__name__).debug("no price for %s: %s", model, error)
        return None
    return float(sum(costs))


def _bound_tokens(request: ChatRequest) -> int:
    # No tokenizer makes more tokens than there are bytes.
    read = sum(len(message["content"].encode(errors="replace")) for message in request.messages)
    read += _TOKENS_AROUND_A_MESSAGE * len(request.messages)
    if request.schema is not None:
        read += len(json.dumps(request.schema)) + _TOKENS_AROUND_A_SCHEMA
    return read
