"""What requests cost, in advance: by litellm's table of prices, and by how long the last replies were."""

import json
import logging

from persona_assets.llm import price_table, provider
from persona_assets.llm.request import ChatRequest

UNKNOWN_LENGTH = 1_024
"""Tokens of a reply, where neither a limit nor an earlier reply says anything."""

_FEWEST = 8
"""Replies from which the next one is foretold; before, each is taken to need its whole limit."""

_LATEST = 200
_SHARE = 0.95


_seen: dict[tuple[str, str], tuple[int, ...]] = {}
"""The lengths of the latest replies, by model and task."""

_TOKENS_AROUND_A_MESSAGE = 16
_TOKENS_AROUND_A_SCHEMA = 400
"""Providers wrap a schema in words of their own; the longest that was seen is a tool's, of about 350 tokens."""


def expect_tokens(request: ChatRequest) -> int:
    """Foretell how many tokens the reply to a request has: of those to the same task, 95 of 100 are no longer."""
    seen, limit = _seen.get((request.model, request.task), ()), request.max_tokens
    if len(seen) < _FEWEST:
        return UNKNOWN_LENGTH if limit is None else limit
    usual = sorted(seen)[int(_SHARE * len(seen))]
    return usual if limit is None else min(usual, limit)


def note_tokens(request: ChatRequest, tokens: int) -> None:
    """Note how many tokens the reply to a request had, in this run or when it was sent; 0 says nothing."""
    if tokens:
        asked = request.model, request.task
        # Replaced as a whole: several threads may note at once.
        _seen[asked] = (*_seen.get(asked, ()), tokens)[-_LATEST:]


def forget_lengths() -> None:
    """Forget every reply that was noted."""
    _seen.clear()


def expect_cost(request: ChatRequest, in_batch: bool = False) -> float | None:
    """Foretell what one attempt at a request costs: the most for what is read, and as much as is usual for the reply.

    In US dollars; None where the model's price is unknown.
    """
    return price_tokens(request.model, _bound_prompt(request), expect_tokens(request), in_batch)


def price_tokens(model: str, read: int, written: int, in_batch: bool = False) -> float | None:
    """What tokens cost, in US dollars: 0 for an embedded model, None where the model's price is unknown."""
    if model.startswith("embedded/"):
        return 0.0
    prices = price_table.find_prices(model)
    if prices is None:
        return None
    if price_table.is_plain(prices):
        usage = {"prompt_tokens": read, "completion_tokens": written}
        tier = price_table.IN_BATCHES if in_batch else None
        return price_table.compute_cost(prices, {"usage": usage, "service_tier": tier})
    cost = _ask_litellm(model, read, written)
    return cost * price_table.BATCH_SHARE if cost is not None and in_batch else cost


def _ask_litellm(model: str, read: int, written: int) -> float | None:
    try:
        costs = provider.load_litellm().cost_per_token(model=model, prompt_tokens=read, completion_tokens=written)
    except Exception as error:  # noqa: BLE001 - litellm raises bare Exception for a model it cannot price
        logging.getLogger(__name__).debug("no price for %s: %s", model, error)
        return None
    return float(sum(costs))


def _bound_prompt(request: ChatRequest) -> int:
    # No tokenizer makes more tokens than there are bytes.
    read = sum(len(message["content"].encode(errors="replace")) for message in request.messages)
    read += _TOKENS_AROUND_A_MESSAGE * len(request.messages)
    if request.schema is not None:
        read += len(json.dumps(request.schema)) + _TOKENS_AROUND_A_SCHEMA
    return read
