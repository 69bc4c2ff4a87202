"""Prices are litellm's, without litellm."""

from typing import Any

import pytest

from persona_assets.llm import price_table
from persona_assets.llm.cost_bound import price_tokens
from persona_assets.llm.provider import load_litellm

USAGE = {"prompt_tokens": 1_000, "completion_tokens": 200, "total_tokens": 1_200}


def make_body(model: str, **usage: Any) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice],
            "usage": {**USAGE, **usage}}  # fmt: skip


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-4o-mini", "gpt-4.1-nano", "gpt-4-turbo", "gpt-3.5-turbo"])
@pytest.mark.parametrize("usage", [{}, {"prompt_tokens_details": {"cached_tokens": 600}}], ids=["plain", "cached"])
def test_the_cost_is_what_litellm_computes(name: str, usage: dict[str, Any]) -> None:
    litellm = load_litellm()
    prices = price_table.find_prices(f"openai/{name}")
    assert prices is not None
    assert price_table.is_plain(prices)
    body = make_body(name, **usage)
    theirs = litellm.completion_cost(completion_response=litellm.ModelResponse(**body), model=f"openai/{name}")
    assert price_table.compute_cost(prices, body) == pytest.approx(theirs)


@pytest.mark.parametrize("model", ["hosted_vllm/gpt-4o-mini", "openai/anything", "openai/claude-sonnet-4-5", "mine"])
def test_what_runs_elsewhere_has_no_price(model: str) -> None:
    assert price_table.find_prices(model) is None


def test_prices_that_depend_on_more_than_tokens_are_left_to_litellm() -> None:
    prices = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    assert price_table.is_plain(prices)
    assert not price_table.is_plain({**prices, "input_cost_per_token_above_200k_tokens": 2e-6})
    assert not price_table.is_plain({"input_cost_per_second": 1.0})


@pytest.mark.parametrize(
    ("model", "input_price", "output_price"),
    # The second has no prices of batches in the table.
    [("openai/gpt-4o-mini", 0.075, 0.3), ("azure/gpt-4o-mini", 0.075, 0.3)],
)
def test_batches_cost_what_the_table_says_or_half(model: str, input_price: float, output_price: float) -> None:
    prices = price_table.find_prices(model)
    assert prices is not None
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000}
    body = {"usage": usage, "service_tier": price_table.IN_BATCHES}
    assert price_table.compute_cost(prices, body) == pytest.approx(input_price + output_price)


@pytest.mark.parametrize("model", ["openai/gpt-4o-mini", "gemini/gemini-2.5-pro", "embedded/x", "hosted_vllm/x"])
def test_a_batch_is_forecast_at_half(model: str) -> None:
    now, later = (price_tokens(model, 1_000, 500, in_batch) for in_batch in (False, True))
    assert later == (None if now is None else pytest.approx(now / 2))
