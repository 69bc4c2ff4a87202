"""Pools: which one an asset's step waits in, and the limits of providers' pools."""

from typing import Any

import dagster as dg
import pytest

from persona_assets.assets.pools import name_pool, set_provider_limits
from persona_assets.definitions import build_definitions
from persona_assets.settings import load_settings


@pytest.mark.parametrize(
    ("model", "task", "pool"),
    [
        ("embedded/smollm2-135m-instruct", {}, "embedded_model"),
        ("openai/gpt-4o", {}, "model_openai"),
        ("gpt-4o", {}, "model_openai"),
        ("hosted_vllm/org/name", {}, "model_hosted_vllm"),
        ("openai/gpt-4o", {"model": "anthropic/claude-sonnet-5"}, "model_anthropic"),
        ("openai/gpt-4o", {"models": ["anthropic/x", "embedded/smollm2-135m-instruct"]}, "embedded_model"),
    ],
)
def test_an_asset_waits_in_the_pool_of_its_model(model: str, task: dict[str, Any], pool: str) -> None:
    settings = load_settings(model={"name": model}, tasks={"math_problems": task} if task else {})
    assert name_pool(settings, "math_problems") == pool
    definitions = build_definitions(settings)
    ops = definitions.resolve_asset_graph()
    assert ops.get(dg.AssetKey("math_problems")).pools == {pool}
    assert ops.get(dg.AssetKey("persona_hub")).pools == {"persona_index"}


def test_providers_get_a_limit_and_what_people_set_stays(tmp_path: Any) -> None:
    settings = load_settings(
        model={"name": "openai/gpt-4o"},
        tasks={"dialogues_g": {"model": "anthropic/x"}, "math_problems": {"model": "embedded/smollm2-135m-instruct"}},
        automation={"runs_per_provider": 7},
    )
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        instance.event_log_storage.set_concurrency_slots("model_anthropic", 2)
        assert set_provider_limits(instance, settings) == {"model_openai": 7}
        limits = {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()}
        assert limits == {"model_anthropic": 2, "model_openai": 7}
        assert set_provider_limits(instance, settings) == {}
