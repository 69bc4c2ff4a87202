"""The same graph against an OpenAI-compatible server: two settings, and no key anywhere."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from persona_assets.settings import Settings
from persona_assets_tests.graph.runs import (
    MODEL_BACKED,
    SHARD,
    list_failed_checks,
    list_failures,
    make_settings,
    materialise_chain,
    materialise_shard,
    read_metadata,
)
from persona_assets_tests.llm.scripted_server import answer_by_script
from persona_assets_tests.llm.server import ModelServer, fail
from persona_assets_tests.prompt_files import keep_recipes

KEY = "a-very-secret-key-0123456789"
FEW = ("math", "math_solutions", "game_npcs", "tools")


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        server.answer = answer_by_script
        yield server


def use_server(folder: Path, server: ModelServer) -> Settings:
    return make_settings(folder, model={"name": "openai/anything", "api_base": server.url, "api_key": KEY})


def find_key(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def read_log(instance: dg.DagsterInstance) -> str:
    return "".join(str(entry) for run in instance.get_runs() for entry in instance.all_logs(run.run_id))


@pytest.mark.parametrize("recipes", [FEW, pytest.param(None, marks=pytest.mark.long)], ids=["few recipes", "all"])
def test_the_whole_chain_by_two_settings(
    recipes: tuple[str, ...] | None,
    server: ModelServer,
    empty: Settings,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    if recipes is not None:
        keep_recipes(tmp_path / "prompts", recipes)
    settings = use_server(tmp_path, server)
    caplog.set_level("DEBUG")
    instance = dg.DagsterInstance.ephemeral()
    chain = materialise_chain(settings, instance=instance)
    assert list_failures(*chain.results) == {}
    assert list_failed_checks(*chain.results) == {}
    metadata = read_metadata(chain.shard)
    asked = [metadata[asset] for asset in MODEL_BACKED if asset in metadata]
    assert len(asked) == (len(MODEL_BACKED) if recipes is None else 5 + len(recipes))
    assert sum(one["calls"] for one in asked) == len(server.bill) > 0
    assert all(one["model"] == "openai/anything" for one in asked)
    assert all(one["throttled"] == 0 for one in asked)
    assert all(1 <= one["concurrency"] <= one["concurrency_limit"] for one in asked)
    assert {body["model"] for body in server.bill} == {"anything"}
    assert set(server.keys) == {f"Bearer {KEY}"}

    assert find_key(empty.data) == []
    shown = capfd.readouterr()
    for text in (read_log(instance), shown.out, shown.err, caplog.text):
        assert KEY not in text


def test_a_refused_key_is_not_shown_either(
    server: ModelServer,
    empty: Settings,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.answer = lambda _: fail(401, f"Incorrect API key provided: {KEY}")
    caplog.set_level("DEBUG")
    instance = dg.DagsterInstance.ephemeral()
    result = materialise_shard(
        use_server(tmp_path, server), SHARD, "web_text", "seed_personas", instance=instance, log_level="DEBUG"
    )
    failure = list_failures(result)["seed_personas"]
    assert "refuses the key" in failure
    assert "PERSONA_ASSETS__MODEL__API_KEY" in failure
    shown = capfd.readouterr()
    for text in (failure, read_log(instance), shown.out, shown.err, caplog.text):
        assert KEY not in text
    assert find_key(empty.data) == []
