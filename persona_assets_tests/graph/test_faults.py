"""The whole graph against a server that fails at a third of the attempts."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from persona_assets.settings import Settings
from persona_assets_tests.graph.runs import (
    MODEL_BACKED,
    SHARD,
    list_failed_checks,
    list_failures,
    make_settings,
    materialise_chain,
    read_files,
)
from persona_assets_tests.llm.faults import CONTENT, NEVER, TRANSPORT, Faults
from persona_assets_tests.llm.scripted_server import answer_by_script
from persona_assets_tests.llm.server import ModelServer, Response


def run(folder: Path, few_recipes: Path, answer: Callable[[dict[str, Any]], Response]) -> tuple[Settings, ModelServer]:
    shutil.copytree(few_recipes, folder)
    with ModelServer() as server:
        server.answer = answer
        model = {"name": "hosted_vllm/double", "api_base": server.url, "timeout": 1.0}
        settings = make_settings(folder, model=model)
        chain = materialise_chain(settings)
    assert list_failures(*chain.results) == {}
    # Malformed answers are warned of, and stop nothing.
    assert {name for _, name in list_failed_checks(*chain.results)} <= {"structured_output"}
    return settings, server


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    import persona_assets.llm.client as client

    monkeypatch.setattr(client, "_LONGEST_WAIT", 0.05)


def test_a_third_of_failing_attempts_leaves_the_same_rows(few_recipes: Path, tmp_path: Path) -> None:
    faults = Faults(answer_by_script, 0.3, seed=2, kinds={**TRANSPORT, **NEVER}, at_most=4)
    calm, _ = run(tmp_path / "calm", few_recipes, answer_by_script)
    spoilt, server = run(tmp_path / "spoilt", few_recipes, faults)
    assert len(faults.injected) > 8
    assert 0.2 < faults.injected.total() / len(server.requests) < 0.4
    for part in ("lake", "sft_dataset"):
        assert read_files(spoilt.data / part) == read_files(calm.data / part)
    bought = [json.dumps(body, sort_keys=True) for body in server.bill]
    # A status of 200 without a completion is on the bill, too.
    hollow = faults.injected["invalid JSON"] + faults.injected["no choices"]
    assert len(bought) - len(set(bought)) == hollow


def test_answers_that_are_none_cost_rows_with_a_reason(few_recipes: Path, tmp_path: Path) -> None:
    faults = Faults(answer_by_script, 0.3, seed=4, kinds=CONTENT)
    settings, _ = run(tmp_path / "spoilt", few_recipes, faults)
    from persona_assets.lake import Lake

    lake = Lake(settings.data / "lake")
    reasons: set[str] = set()
    for asset in filter(lambda asset: lake.exists(asset, SHARD), MODEL_BACKED):
        account = lake.info(asset, SHARD).accounting
        assert account.find_imbalance() is None
        reasons |= account.quarantined.keys() | account.refused.keys()
    assert {"truncated", "refusal", "empty"} <= reasons
