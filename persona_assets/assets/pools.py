"""The pools of Dagster in which steps wait for what they share: the index, the embedded model, each model provider.

A pool that no limit was set for takes one step at a time (`default_limit` of dagster.yaml), which is right for the
index and for an embedded model. Providers answer many at once: their pools get a limit of their own.
"""

import re
from collections.abc import Callable

import dagster as dg

from persona_assets.llm.client import resolve_task
from persona_assets.settings import Settings

INDEX_POOL = "persona_index"
EMBEDDED_MODEL_POOL = "embedded_model"

PoolOf = Callable[[str], str]
"""Names the pool of an asset."""

_EMBEDDED = "embedded"
_DEFAULT_PROVIDER = "openai"
"""Whose a model is that names no provider, for litellm."""


def name_pool(settings: Settings, asset: str) -> str:
    """The pool of an asset that asks a model: of the embedded model, if it asks one, else of its first provider.

    An embedded model is loaded once a process and uses every core, so that runs that need it wait for each other.
    """
    pools = [_name(model.name) for model in resolve_task(settings.model, settings.task(asset))]
    return EMBEDDED_MODEL_POOL if EMBEDDED_MODEL_POOL in pools else pools[0]


def set_provider_limits(instance: dg.DagsterInstance, settings: Settings) -> dict[str, int]:
    """Give each provider's pool `automation.runs_per_provider` as its limit, unless one was set in the UI."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return {}
    has_limit = {limit.name for limit in storage.get_pool_limits() if not limit.from_default}
    pools = {_name(settings.model.name), *(name_pool(settings, asset) for asset in settings.tasks)}
    new = dict.fromkeys(sorted(pools - has_limit - {EMBEDDED_MODEL_POOL}), settings.automation.runs_per_provider)
    for pool, limit in new.items():
        storage.set_concurrency_slots(pool, limit)
    return new


def _name(model: str) -> str:
    provider = model.split("/", maxsplit=1)[0] if "/" in model else _DEFAULT_PROVIDER
    return EMBEDDED_MODEL_POOL if provider == _EMBEDDED else f"model_{re.sub(r'[^A-Za-z0-9_]', '_', provider)}"
