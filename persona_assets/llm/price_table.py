"""Prices by litellm's own table, read from its file: importing litellm for it would take seconds."""

import functools
import json
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

IN_BATCHES = "batches"
"""The service tier under which the table has the prices of batches."""

BATCH_SHARE = 0.5
"""Share of the list price that a batch costs where the table does not say: every provider asks this much."""

_FILE = "model_prices_and_context_window_backup.json"


def find_prices(model: str) -> Mapping[str, Any] | None:
    """Find what the table says of a model; None where no price is known.

    The same weights on a server of one's own do not cost what their first provider asks.
    """
    provider, _, name = model.partition("/")
    table = _read_table() if "litellm" not in sys.modules else sys.modules["litellm"].model_cost
    if model in table:
        return table[model]  # type: ignore[no-any-return]
    listed: Mapping[str, Any] | None = table.get(name)
    return listed if listed and listed.get("litellm_provider") == provider else None


def is_plain(prices: Mapping[str, Any]) -> bool:
    """Tell whether tokens read and written are all that decides the cost of a text."""
    has_both = all(isinstance(prices.get(f"{kind}_cost_per_token"), int | float) for kind in ("input", "output"))
    return has_both and not any("_above_" in name or "reasoning" in name or "per_request" in name for name in prices)


def compute_cost(prices: Mapping[str, Any], body: Mapping[str, Any]) -> float:
    """The cost in US dollars of a completion in OpenAI's form, by prices for which `is_plain` holds."""
    usage = body.get("usage") or {}
    tier = body.get("service_tier")
    read, written = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    price = _choose(prices, "input_cost_per_token", tier)
    # A table without a price for cached tokens knows of no rebate.
    cached_price = _choose(prices, "cache_read_input_token_cost", tier)
    return float(
        (read - cached) * price
        + cached * (price if cached_price is None else cached_price)
        + written * _choose(prices, "output_cost_per_token", tier)
    )


def _choose(prices: Mapping[str, Any], name: str, tier: Any) -> Any:
    if (price := prices.get(f"{name}_{tier}")) is not None:
        return price
    listed = prices.get(name)
    return listed * BATCH_SHARE if listed is not None and tier == IN_BATCHES else listed


@functools.cache
def _read_table() -> Mapping[str, Any]:
    spec = find_spec("litellm")
    if spec is None or not spec.submodule_search_locations:
        return {}
    path = Path(spec.submodule_search_locations[0], _FILE)
    return json.loads(path.read_bytes())  # type: ignore[no-any-return]
