"""The budget: a hard stop that sends nothing more, stores what was in flight, and can be resumed."""

import asyncio
import json
import math
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from persona_assets.accounting import Accounting
from persona_assets.commands.progress_bar import describe_counts
from persona_assets.errors import BudgetError
from persona_assets.llm import provider
from persona_assets.llm.client import ModelClient, Usage
from persona_assets.llm.cost_bound import expect_cost, forget_lengths
from persona_assets.llm.request import Reply
from persona_assets.settings import BudgetSettings
from persona_assets_tests.llm.clients import ask, ask_all, make_request
from persona_assets_tests.llm.server import ModelServer, fail, say

TEXTS = [str(n) for n in range(40)]
COST, BOUND = 0.05, 0.64
"""Of one reply of 5 tokens, and of one of 64, the limit, at a cent a token."""
KNOWN = 8
"""Replies after which the next is expected to cost what they did."""


@pytest.fixture(autouse=True)
def _prices(monkeypatch: pytest.MonkeyPatch) -> None:
    price = {"input_cost_per_token": 0.0, "output_cost_per_token": 0.01, "litellm_provider": "openai", "mode": "chat"}
    monkeypatch.setitem(provider.load_litellm().model_cost, "openai/anything", price)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as opened:
        yield opened


def count(results: list[Reply | BaseException]) -> tuple[int, int]:
    replies = sum(isinstance(result, Reply) for result in results)
    stopped = sum(isinstance(result, BudgetError) for result in results)
    assert replies + stopped == len(results)
    return replies, stopped


def affordable(limit: float) -> int:
    """Calls until the next is expected to pass the limit, where a handful is known."""
    return math.floor(limit / COST + 1e-9)


def test_a_run_stops_before_it_could_pass_its_budget_and_the_next_goes_on(tmp_path: Path, server: ModelServer) -> None:
    budget = BudgetSettings(per_run=1.0)
    results, usage = ask(tmp_path, server.url, ask_all(*TEXTS), budget=budget)
    assert count(results) == (20, 20) == (affordable(1.0), 40 - affordable(1.0))
    assert (len(server.requests), usage.calls) == (20, 20)
    assert usage.cost == pytest.approx(1.0)
    assert usage.budget_left == pytest.approx(0.0)
    results, usage = ask(tmp_path, server.url, ask_all(*TEXTS), budget=budget)
    assert count(results) == (40, 0)
    assert (len(server.requests), usage.cached, usage.calls) == (40, 20, 20)


def test_the_whole_limit_is_held_while_few_replies_are_known(tmp_path: Path, server: ModelServer) -> None:
    results, usage = ask(tmp_path, server.url, ask_all(*TEXTS), budget=BudgetSettings(per_run=0.9))
    # Of seven replies the eighth is not foretold, and the seventh leaves no room for a whole limit.
    assert count(results) == (6, 34)
    assert usage.cost == pytest.approx(0.3)


def test_a_generous_limit_stops_no_run(tmp_path: Path, server: ModelServer) -> None:
    ask(tmp_path, server.url, ask_all(*TEXTS[:KNOWN]))
    for generous in (4_096, None):
        texts = [f"{generous} {text}" for text in TEXTS]
        work = ask_all(*texts, max_tokens=generous)
        results, usage = ask(tmp_path, server.url, work, budget=BudgetSettings(per_run=2.01), max_concurrency=16)
        assert count(results) == (40, 0)
        assert usage.cost == pytest.approx(2.0)


def test_replies_from_the_ledger_foretell_too(tmp_path: Path, server: ModelServer) -> None:
    ask(tmp_path, server.url, ask_all(*TEXTS[:KNOWN]))
    forget_lengths()
    _, usage = ask(tmp_path, server.url, ask_all(*TEXTS), budget=BudgetSettings(per_run=0.5), max_concurrency=1)
    assert (usage.cached, usage.calls) == (KNOWN, 10)


def test_longer_replies_than_were_known_pass_the_budget_by_no_more_than_was_in_flight(
    tmp_path: Path, server: ModelServer
) -> None:
    ask(tmp_path, server.url, ask_all(*TEXTS[:KNOWN]))
    server.answer = lambda _: say("long", completion_tokens=64)
    texts, budget = [f"long {text}" for text in TEXTS], BudgetSettings(per_run=1.0)
    _, usage = ask(tmp_path, server.url, ask_all(*texts), budget=budget, max_concurrency=2)
    assert 1.0 < usage.cost <= 1.0 + 4 * BOUND


def test_the_total_is_counted_over_runs_and_goes_on_when_it_is_raised(tmp_path: Path, server: ModelServer) -> None:
    for limit, sent in ((1.0, 20), (1.0, 20), (1.4, 28)):
        results, usage = ask(tmp_path, server.url, ask_all(*TEXTS), budget=BudgetSettings(total=limit))
        assert count(results) == (sent, 40 - sent)
        assert len(server.requests) == sent
    assert usage.budget_left == pytest.approx(0.0)


def test_the_message_names_the_setting_the_spend_and_how_to_go_on(tmp_path: Path, server: ModelServer) -> None:
    (*_, last), _ = ask(tmp_path, server.url, ask_all(*TEXTS), budget=BudgetSettings(total=1.0, per_run=9.0))
    assert isinstance(last, BudgetError)
    text = str(last)
    assert "budget.total: $1.0000 of $1.0000 are spent in all runs on this ledger" in text
    assert "the next request is expected to cost $0.0500" in text
    assert "PERSONA_ASSETS__BUDGET__TOTAL" in text
    assert "goes on where this one ended" in text
    assert "unknown" not in text
    assert "\n" not in text


def test_unknown_prices_do_not_count_and_are_named(tmp_path: Path, server: ModelServer) -> None:
    nothing = BudgetSettings(total=0.0)
    unpriced = ask_all(*TEXTS, model="openai/own")
    results, usage = ask(tmp_path, server.url, unpriced, budget=nothing)
    assert count(results) == (40, 0)
    assert usage.unpriced == 40
    (stopped,), _ = ask(tmp_path, server.url, ask_all("hi"), budget=nothing)
    assert "Of 40 calls in all runs on this ledger the cost is unknown" in str(stopped)


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}, {"input_tokens": 9, "output_tokens": 5}])
@pytest.mark.parametrize("limit", ["per_run", "total"])
def test_a_server_that_counts_no_tokens_is_not_free(
    limit: str, usage: dict[str, int] | None, tmp_path: Path, server: ModelServer
) -> None:
    uncounted = replace(say("fine"), body=json.dumps({**json.loads(say("fine").body), "usage": usage}))
    server.answer = lambda _: uncounted
    results, used = ask(tmp_path, server.url, ask_all(*TEXTS), budget=BudgetSettings(**{limit: 2.0}))
    # Each is taken to have cost its whole limit.
    assert count(results) == (3, 37)
    assert (used.cost, used.unpriced) == (0.0, 3)


def test_what_the_ledger_holds_costs_nothing(tmp_path: Path, server: ModelServer) -> None:
    ask(tmp_path, server.url, ask_all(*TEXTS))
    results, usage = ask(tmp_path, server.url, ask_all(*TEXTS), budget=BudgetSettings(total=0.0, per_run=0.0))
    assert count(results) == (40, 0)
    assert (len(server.requests), usage.cached, usage.cost) == (40, 40, 0.0)


def test_what_is_in_flight_at_the_stop_is_stored(tmp_path: Path, server: ModelServer) -> None:
    async def fail_on_the_first(client: ModelClient) -> None:
        async with asyncio.TaskGroup() as group:
            for text in TEXTS:
                group.create_task(client.ask(make_request(text)))

    server.answer = lambda body: say("fine", delay=0.05)
    with pytest.raises(ExceptionGroup) as raised:
        ask(tmp_path, server.url, fail_on_the_first, budget=BudgetSettings(total=1.92), max_concurrency=8)
    assert raised.group_contains(BudgetError)
    sent = len(server.requests)
    # Two at once fit at first, all of them at the end, and nothing of the budget is left lying.
    assert sent == affordable(1.92)
    _, usage = ask(tmp_path, server.url, ask_all(*TEXTS), budget=BudgetSettings(total=1.92))
    assert (usage.cached, len(server.requests)) == (sent, sent)


def test_runs_at_once_pass_the_total_by_no_more_than_they_had_in_flight(tmp_path: Path, server: ModelServer) -> None:
    server.answer = lambda body: say("fine", delay=0.02)
    total, in_flight = 2.0, 3
    done: list[list[Any]] = []

    def run(name: int) -> None:
        texts = [f"{name}:{text}" for text in TEXTS]
        budget = BudgetSettings(total=total)
        done.append(ask(tmp_path, server.url, ask_all(*texts), budget=budget, max_concurrency=in_flight)[0])

    runs = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in runs:
        thread.start()
    for thread in runs:
        thread.join()
    replies = sum(count(results)[0] for results in done)
    assert replies == len(server.requests)
    # As many again may be on their way into the ledger, where the others learn of them.
    assert affordable(total) <= replies <= affordable(total) + len(runs) * 2 * in_flight


def test_a_refused_request_gives_its_part_back(tmp_path: Path, server: ModelServer) -> None:
    server.answer = lambda body: fail(400, "prompt is too long")
    ask(tmp_path, server.url, ask_all(*TEXTS[:4]), budget=BudgetSettings(per_run=1.0))
    assert len(server.requests) == 4


def test_a_request_is_taken_to_need_its_whole_limit_while_nothing_is_known() -> None:
    request = make_request("語" * 100, model="openai/gpt-4o-mini", schema={"type": "object"})
    bound = expect_cost(request)
    assert bound is not None
    assert bound >= (300 * 0.15 + 64 * 0.60) / 1e6
    assert expect_cost(make_request(model="hosted_vllm/gpt-4o-mini")) is None
    assert expect_cost(make_request(model="embedded/x")) == 0.0
    unlimited = expect_cost(make_request(max_tokens=None))
    assert unlimited == pytest.approx(10.24)


def test_progress_shows_what_is_left() -> None:
    usage = Usage(calls=3, prompt_tokens=9, cost=0.0123, budget_left=4.987)
    assert describe_counts(Accounting(rows=2), usage) == "2 rows, 3+0 calls, $0.0123, $4.99 left"
    usage.budget_left = None
    assert describe_counts(Accounting(rows=2), usage) == "2 rows, 3+0 calls, 9 tok, $0.0123"


def test_a_price_in_steps_is_bound_by_litellm() -> None:
    bound = expect_cost(make_request("hi", model="gemini/gemini-2.5-pro"))
    assert bound is not None
    assert bound > 0


def test_a_plain_price_is_bound_without_litellm() -> None:
    program = (
        "import sys; from persona_assets.llm.cost_bound import expect_cost;"
        "from persona_assets_tests.llm.clients import make_request;"
        "assert expect_cost(make_request(model='openai/gpt-4o-mini')) > 0; assert 'litellm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
