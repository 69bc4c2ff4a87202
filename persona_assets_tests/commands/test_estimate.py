"""The forecast of calls, tokens and cost: what it says, what it buys, and how near it comes."""

import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from persona_assets_tests.commands.conftest import Call, SmallProject, run_command
from persona_assets_tests.conftest import copy_project
from persona_assets_tests.llm.scripted_server import answer_by_script
from persona_assets_tests.llm.server import ModelServer, Response

DATA = Path(os.environ.get("PERSONA_ASSETS_TEST_DATA", "nowhere"))
PAGES = DATA / "web" / "cc_2019_cclicensed_697.jsonl.gz"


def answer_with_usage(body: dict[str, Any]) -> Response:
    """As the scripted model, with tokens counted as a provider counts them, about."""
    response = answer_by_script(body)
    completion = json.loads(response.body)
    read = sum(len(turn["content"]) for turn in body["messages"]) // 4
    written = len(completion["choices"][0]["message"]["content"]) // 4
    completion["usage"] = {"prompt_tokens": read, "completion_tokens": written}
    return replace(response, body=json.dumps(completion))


@pytest.fixture(scope="module")
def double() -> Iterator[ModelServer]:
    with ModelServer() as server:
        server.answer = answer_with_usage
        yield server


@pytest.fixture
def server(double: ModelServer) -> ModelServer:
    """The double, its bill empty."""
    double.bill.clear()
    double.requests.clear()
    return double


def use_priced_model(patch: pytest.MonkeyPatch, server: ModelServer) -> None:
    patch.setenv("PERSONA_ASSETS__MODEL__NAME", "openai/gpt-4o-mini")
    patch.setenv("PERSONA_ASSETS__MODEL__API_BASE", server.url)
    patch.setenv("PERSONA_ASSETS__MODEL__API_KEY", "key")


@pytest.fixture
def priced(project: SmallProject, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose model has a price, and answers at the double."""
    use_priced_model(monkeypatch, server)
    return project.folder


@dataclass(frozen=True, slots=True)
class Sampled:
    """A project after a sample, what was bought for it, and what it said."""

    folder: Path
    bought: frozenset[str]
    out: str


SAMPLE = ("estimate", "--shard", "one", "--sample", "2", "--yes")


@pytest.fixture(scope="module")
def sampled_once(made_once: Path, double: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Sampled:
    folder = tmp_path_factory.mktemp("sampled") / "project"
    copy_project(made_once, folder)
    double.bill.clear()
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out):
        use_priced_model(patch, double)
        patch.chdir(folder)
        assert run_command(patch, *SAMPLE) == 0
    return Sampled(folder, frozenset(json.dumps(body, sort_keys=True) for body in double.bill), out.getvalue())


@pytest.fixture
def sampled(sampled_once: Sampled, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sampled:
    """A copy of a project whose shard one was sampled, the working folder."""
    folder = tmp_path / "sampled"
    copy_project(sampled_once.folder, folder)
    monkeypatch.chdir(folder)
    use_priced_model(monkeypatch, server)
    return replace(sampled_once, folder=folder)


def read_cost(text: str, row: str = "in all") -> float:
    line = next(line for line in text.splitlines() if line.startswith(row))
    found = re.search(r"\$([\d.,]+)", line)
    assert found, line
    return float(found[1].replace(",", ""))


def read_spending(call: Call) -> float:
    return float(re.findall(r"Spent in all: \$([\d.]+)", call("ledger").out)[0])


def test_a_forecast_buys_nothing_and_says_what_it_assumes(priced: Path, call: Call, server: ModelServer) -> None:
    called = call("estimate", "--shard", "one")
    assert called.code == 0, called.err
    assert server.requests == []
    assert read_cost(called.out) > 0
    for asset in ("seed_personas", "expanded_personas", "dialogues_g", "math_solutions"):
        assert re.search(rf"^{asset} .*\$.* assumed", called.out, re.MULTILINE)
    assert "Assumed for seed_personas" in " ".join(called.out.split())


def test_batches_are_forecast_at_half(priced: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    now = read_cost(call("estimate", "--shard", "one").out)
    monkeypatch.setenv("PERSONA_ASSETS__BATCH__ENABLED", "true")
    called = call("estimate", "--shard", "one")
    assert called.code == 0, called.err
    assert read_cost(called.out) == pytest.approx(now / 2, rel=0.02, abs=0.0002)


def test_a_sample_of_batches_is_asked_at_once_and_forecast_at_half(
    sampled: Sampled, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSONA_ASSETS__BATCH__ENABLED", "true")
    # The double speaks no batch protocol: whatever asked it by batches would fail.
    called = call(*SAMPLE)
    assert called.code == 0, called.err
    assert read_cost(called.out) == pytest.approx(read_cost(sampled.out) / 2, rel=0.02, abs=0.0002)
    # What is agreed to is the price of asking at once.
    agreed = [re.search(r"costs about \$([\d.]+)", text) for text in (called.out, sampled.out)]
    assert all(agreed)
    assert len({found[1] for found in agreed if found}) == 1


def test_an_unknown_price_is_unknown(project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_ASSETS__MODEL__NAME", "hosted_vllm/ours")
    called = call("estimate", "--shard", "one")
    assert called.code == 0, called.err
    assert re.search(r"^in all .*unknown", called.out, re.MULTILINE)
    assert "No price is known of hosted_vllm/ours." in called.out


def test_what_was_run_is_stored_and_costs_nothing(
    project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = call("estimate")
    assert called.code == 0, called.err
    planned, stored = (
        int(number.replace(",", ""))
        for number in re.findall(r"^seed_personas +[\d,]+ +([\d,]+) +([\d,]+)", called.out, re.MULTILINE)[0]
    )
    assert stored == planned > 0


def test_a_sample_wants_to_be_agreed_to(priced: Path, call: Call, server: ModelServer) -> None:
    called = call("estimate", "--shard", "one", "--sample", "2")
    assert called.code == 1
    assert "Give --yes to buy it." in called.err
    assert server.requests == []


def test_what_a_sample_bought_is_not_bought_again(sampled: Sampled, call: Call, server: ModelServer) -> None:
    assert sampled.bought
    assert call("run", "--shard", "one").code == 0
    assert server.bill
    assert sampled.bought.isdisjoint(json.dumps(body, sort_keys=True) for body in server.bill)
    assert not list((sampled.folder / "data").glob(".sample-*"))


def test_a_shard_of_personas_is_sampled(priced: Path, call: Call) -> None:
    called = call("estimate", "--shard", "two", "--sample", "2", "--yes")
    assert called.code == 0, called.err
    assert re.search(r"^expanded_personas .* sample", called.out, re.MULTILINE)
    assert not re.search("^seed_personas", called.out, re.MULTILINE)


def test_a_budget_that_is_too_small_is_named(priced: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_ASSETS__BUDGET__TOTAL", "0.000001")
    called = call("estimate", "--shard", "one")
    assert "more than budget.total" in " ".join(called.out.split())


@pytest.mark.long
@pytest.mark.skipif(not DATA.is_dir(), reason="PERSONA_ASSETS_TEST_DATA names no folder")
@pytest.mark.parametrize(
    ("documents", "sample", "characters"), [(24, 8, 4), (60, 20, 8), (400, 40, 8)], ids=["few", "more", "many"]
)
def test_a_sample_comes_within_a_quarter_of_the_cost(
    documents: int,
    sample: int,
    characters: int,
    priced: Path,
    call: Call,
    server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import gzip

    with gzip.open(PAGES, "rt", encoding="utf-8") as pages:
        lines = pages.readlines()[:documents]
    (priced / "pages").mkdir()
    (priced / "pages" / "pages.jsonl").write_text("".join(lines), encoding="utf-8")
    monkeypatch.setenv("PERSONA_ASSETS__CORPUS__PATH", str(priced / "pages"))
    monkeypatch.setenv("PERSONA_ASSETS__CHARACTERS__LIMIT", str(characters))
    forecast = call("estimate", "--shard", "pages", "--sample", str(sample), "--yes")
    assert forecast.code == 0, forecast.err
    before = read_spending(call)
    ran = call("run", "--shard", "pages", "--asset", *_all_but_release())
    assert ran.code == 0, ran.err
    spent = read_spending(call) - before
    forecast_cost = read_cost(forecast.out)
    print(f"forecast ${forecast_cost:.4f}, spent ${spent:.4f}")
    assert forecast_cost == pytest.approx(spent, rel=0.25)


def _all_but_release() -> list[str]:
    names = (
        "web_text", "seed_personas", "expanded_personas", "persona_hub", "character_profiles", "dialogues_r",
        "dialogues_g", "math_problems", "math_solutions",
    )  # fmt: skip
    return " --asset ".join(names).split(" ")
