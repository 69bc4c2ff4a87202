"""A budget on the command line: the run ends with one error, and goes on when the budget is raised."""

import pytest

from persona_assets.llm import provider
from persona_assets_tests.commands.conftest import Call, SmallProject

ASSETS = ("--asset", "web_text", "--asset", "seed_personas")


def test_a_run_that_spent_its_budget_stops_and_goes_on_when_it_is_raised(
    empty_project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    price = {"input_cost_per_token": 0.0, "output_cost_per_token": 1e-4, "litellm_provider": "scripted", "mode": "chat"}
    monkeypatch.setitem(provider.load_litellm().model_cost, "scripted/plain", price)
    monkeypatch.setenv("PERSONA_ASSETS__EMBEDDING__MODEL", "no-such-model")
    monkeypatch.setenv("PERSONA_ASSETS__TASKS__SEED_PERSONAS__CANDIDATES", "1")
    monkeypatch.setenv("PERSONA_ASSETS__TASKS__SEED_PERSONAS__MAX_TOKENS", "100")
    monkeypatch.setenv("PERSONA_ASSETS__BUDGET__TOTAL", "0.011")
    stopped = call("run", *ASSETS)
    assert stopped.code == 1
    shown = " ".join(stopped.out.split())
    assert "Failed: seed_personas: budget.total: $0.00" in shown
    assert "Raise budget.total" in shown
    assert "Shard two" not in shown
    assert not empty_project.lake.exists("seed_personas", "one")
    assert "Spent in all: $0.00" in call("ledger").out
    monkeypatch.setenv("PERSONA_ASSETS__BUDGET__TOTAL", "1")
    resumed = call("run", "--shard", "one", *ASSETS)
    assert resumed.code == 0, resumed.out + resumed.err
    assert "left" in resumed.out
    assert empty_project.lake.info("seed_personas", "one").rows
