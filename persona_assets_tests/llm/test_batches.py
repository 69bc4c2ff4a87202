"""Asking by batches, against a local server that speaks OpenAI's batch protocol."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from persona_assets.errors import BatchPendingError, BudgetError, ModelError
from persona_assets.llm import batches
from persona_assets.llm.batch_table import BATCHES, BatchTable
from persona_assets.llm.budget import Budget
from persona_assets.llm.client import ModelClient
from persona_assets.llm.ledger import Ledger
from persona_assets.llm.ledger_upkeep import LedgerUpkeep
from persona_assets.llm.request import RefusedError, Reply
from persona_assets.llm.usage import Usage
from persona_assets.settings import BatchSettings, BudgetSettings, ModelSettings
from persona_assets_tests.llm.batch_server import Batch, BatchServer
from persona_assets_tests.llm.clients import ask_all, make_request
from persona_assets_tests.llm.server import Response, fail, say

PRICED = "openai/gpt-4o-mini"
pytestmark = pytest.mark.usefixtures("little_to_collect")


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with BatchServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_QUIET_SECONDS", 0.05)


def open_at(place: Path | str) -> Ledger:
    return Ledger(place) if isinstance(place, str) else Ledger.at(place / "ledger.sqlite")


def ask(
    place: Path | str,
    url: str,
    work: Callable[[ModelClient], Awaitable[Any]],
    name: str = "openai/anything",
    budget: BudgetSettings | None = None,
    **values: Any,
) -> tuple[Any, Usage]:
    async def run() -> Any:
        ledger = open_at(place)
        model = ModelSettings(name=name, api_base=url, api_key="secret", timeout=10.0, max_attempts=3)
        asked = BatchSettings(**{"enabled": True, "poll_seconds": 0.02, **values})
        limits = Budget(budget or BudgetSettings(), ledger)
        client = ModelClient(model, ledger, usage, 0.01, limits, asked)
        try:
            return await work(client)
        finally:
            await client.close()
            ledger.close()

    usage = Usage()
    return asyncio.run(run()), usage


def read_texts(replies: list[Reply | BaseException]) -> list[str]:
    assert all(isinstance(reply, Reply) for reply in replies), replies
    return [reply.text for reply in replies if isinstance(reply, Reply)]


def list_open(place: Path | str) -> list[Any]:
    ledger = open_at(place)
    try:
        return BatchTable(ledger.engine).list_open()
    finally:
        ledger.close()


def test_requests_go_in_one_batch_and_are_never_bought_again(server: BatchServer, url: str) -> None:
    replies, usage = ask(url, server.url, ask_all("a", "b", "c", task="seed_personas"))
    assert read_texts(replies) == ["echo a", "echo b", "echo c"]
    assert (usage.calls, usage.cached, len(server.batches)) == (3, 0, 1)
    replies, usage = ask(url, server.url, ask_all("a", "b", "c", task="seed_personas"))
    assert read_texts(replies) == ["echo a", "echo b", "echo c"]
    assert (usage.calls, usage.cached, len(server.batches)) == (0, 3, 1)
    assert list_open(url) == []
    # Neither the requests nor their answers stay with the provider.
    assert server.files == {}


def ask_all_named(*texts: str, **changes: Any) -> Callable[[ModelClient], Awaitable[Any]]:
    return ask_all(*texts, model=PRICED, **changes)


def test_tokens_cost_half(server: BatchServer, url: str) -> None:
    (reply,), usage = ask(url, server.url, ask_all_named("a"), name=PRICED)
    # 7 tokens read and 5 written, at half of 0.15 and 0.60 dollars a million.
    assert reply.cost == usage.cost == pytest.approx((7 * 0.075 + 5 * 0.3) / 1e6)
    upkeep = LedgerUpkeep(url)
    assert [(row.calls, row.cost) for row in upkeep.list_spending()] == [(1, reply.cost)]
    upkeep.close()


def test_a_budget_holds_for_batches(server: BatchServer, tmp_path: Path) -> None:
    limit = BudgetSettings(per_run=1e-9)
    replies, _ = ask(tmp_path, server.url, ask_all_named("a"), name=PRICED, budget=limit)
    assert isinstance(replies[0], BudgetError)
    assert server.batches == []


def test_a_full_batch_is_submitted_without_waiting(server: BatchServer, tmp_path: Path) -> None:
    texts = [str(number) for number in range(25)]
    replies, _ = ask(tmp_path, server.url, ask_all(*texts), max_requests=10)
    assert read_texts(replies) == [f"echo {text}" for text in texts]
    assert sorted(batch.total for batch in server.batches) == [5, 10, 10]


def test_what_expired_or_failed_is_sent_again_alone(server: BatchServer, tmp_path: Path) -> None:
    server.expires = lambda number: len(server.batches) == 1 and number in {0, 3}
    failing = {"2"}

    def answer(body: dict[str, Any]) -> Response:
        text = body["messages"][-1]["content"]
        if text in failing:
            failing.discard(text)
            return fail(500, "broken")
        return say(f"echo {text}")

    server.answer = answer
    texts = [str(number) for number in range(6)]
    replies, usage = ask(tmp_path, server.url, ask_all(*texts))
    assert read_texts(replies) == [f"echo {text}" for text in texts]
    assert [batch.total for batch in server.batches] == [6, 3]
    assert len(server.bill) == 6
    assert usage.retries == 3


def test_a_request_that_always_fails_is_refused_and_the_others_stay(server: BatchServer, tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> Response:
        text = body["messages"][-1]["content"]
        return fail(400, "this is no request") if text == "bad" else say(f"echo {text}")

    server.answer = answer
    (good, bad), _ = ask(tmp_path, server.url, ask_all("good", "bad"))
    assert good.text == "echo good"
    assert isinstance(bad, RefusedError)
    assert bad.reason == "bad_request"


def test_a_schema_that_is_not_taken_is_asked_for_in_another_way(server: BatchServer, tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> Response:
        kind = (body.get("response_format") or {}).get("type")
        return fail(400, "response_format json_schema is not supported") if kind == "json_schema" else say("{}")

    server.answer = answer
    (reply,), _ = ask(tmp_path, server.url, ask_all("a", schema={"type": "object"}))
    assert reply.response_format == "json"
    assert len(server.batches) == 2


def test_a_run_leaves_its_batches_to_the_next(server: BatchServer, url: str) -> None:
    server.looks = None
    replies, _ = ask(url, server.url, ask_all("a", "b"), max_wait_minutes=0)
    assert all(isinstance(reply, BatchPendingError) for reply in replies)
    assert "paid for once" in str(replies[0])
    assert [batch.requests for batch in list_open(url)] == [2]
    server.looks = 1
    # One of them is not asked any more: its answer was paid for, and is stored all the same.
    replies, _ = ask(url, server.url, ask_all("b", "c"))
    assert read_texts(replies) == ["echo b", "echo c"]
    assert sorted(body["messages"][-1]["content"] for body in server.bill) == ["a", "b", "c"]
    replies, usage = ask(url, server.url, ask_all("a"))
    assert (read_texts(replies), usage.calls) == (["echo a"], 0)


def test_a_cancelled_run_leaves_its_batches_too(server: BatchServer, tmp_path: Path) -> None:
    server.looks = None

    async def stop(client: ModelClient) -> None:
        asked = asyncio.ensure_future(client.ask(make_request("a")))
        while not server.batches or server.batches[0].looks < 2:
            await asyncio.sleep(0.01)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)

    ask(tmp_path, server.url, stop)
    server.looks = 1
    replies, _ = ask(tmp_path, server.url, ask_all("a"))
    assert read_texts(replies) == ["echo a"]
    assert len(server.batches) == 1


def test_a_batch_whose_name_was_not_noted_is_found_by_ours(server: BatchServer, tmp_path: Path) -> None:
    server.looks = None
    ask(tmp_path, server.url, ask_all("a"), max_wait_minutes=0)
    for number in range(5):
        # Others of the same account, on several pages of its list.
        server.batches.append(Batch(f"other-{number}", "none", {}, "completed"))
    forget_names(tmp_path)
    server.looks = 1
    replies, _ = ask(tmp_path, server.url, ask_all("a"))
    assert read_texts(replies) == ["echo a"]
    assert len(server.bill) == 1


def forget_names(folder: Path, age: timedelta = timedelta()) -> None:
    ledger = Ledger.at(folder / "ledger.sqlite")
    with ledger.engine.begin() as connection:
        connection.execute(sa.update(BATCHES).values(batch_id=None, created_at=datetime.now(UTC) - age))
    ledger.close()


def test_a_batch_that_was_never_submitted_is_asked_again(server: BatchServer, tmp_path: Path) -> None:
    server.looks = None
    ask(tmp_path, server.url, ask_all("a"), max_wait_minutes=0)
    forget_names(tmp_path, timedelta(hours=1))
    server.batches.clear()
    server.looks = 1
    replies, _ = ask(tmp_path, server.url, ask_all("a"))
    assert read_texts(replies) == ["echo a"]
    assert len(server.batches) == 1


def test_an_answer_that_was_lost_makes_no_second_batch(server: BatchServer, tmp_path: Path) -> None:
    server.script["POST /v1/batches"] = [Response(drops=True)]
    server.script["POST /v1/files"] = [fail(503), fail(429, retry_after="0")]
    replies, _ = ask(tmp_path, server.url, ask_all("a"))
    assert read_texts(replies) == ["echo a"]
    assert len(server.batches) == 1


def test_a_look_that_fails_is_made_again(server: BatchServer, tmp_path: Path) -> None:
    server.script["GET /v1/batches/batch-2"] = [fail(500), Response(drops=True)]
    replies, _ = ask(tmp_path, server.url, ask_all("a"))
    assert read_texts(replies) == ["echo a"]


@pytest.mark.parametrize("looks", [1, 3, 8])
def test_two_processes_share_a_batch(looks: int, server: BatchServer, url: str) -> None:
    """Two clients on one ledger: what one has submitted the other waits for, or finds answered."""
    server.looks = looks

    async def both() -> list[Any]:
        ledgers = [Ledger(url) for _ in range(2)]
        model = ModelSettings(name="openai/anything", api_base=server.url, timeout=10.0)
        asked = BatchSettings(enabled=True, poll_seconds=0.02)
        clients = [ModelClient(model, ledger, Usage(), 0.01, batches=asked) for ledger in ledgers]
        first = ask_all("a", "b")(clients[0])

        async def ask_later() -> list[Reply | BaseException]:
            await asyncio.sleep(0.03)
            return await ask_all("b", "c")(clients[1])

        try:
            return [reply for replies in await asyncio.gather(first, ask_later()) for reply in replies]
        finally:
            for client, ledger in zip(clients, ledgers, strict=True):
                await client.close()
                ledger.close()

    assert read_texts(asyncio.run(both())) == ["echo a", "echo b", "echo b", "echo c"]
    assert sorted(body["messages"][-1]["content"] for body in server.bill) == ["a", "b", "c"]
    upkeep = LedgerUpkeep(url)
    assert sum(row.calls for row in upkeep.list_spending()) == 3
    upkeep.close()


TOO_MUCH = [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached.", "line": None}]


@pytest.mark.long
def test_batches_that_are_too_much_become_smaller(server: BatchServer, tmp_path: Path) -> None:
    server.refuses = lambda total: TOO_MUCH if total > 1 else []
    texts = [str(number) for number in range(20)]
    replies, usage = ask(tmp_path, server.url, ask_all(*texts))
    # However often it is told so, no row is lost to it.
    assert read_texts(replies) == [f"echo {text}" for text in texts]
    assert {batch.total for batch in server.batches if batch.status == "completed"} == {1}
    assert usage.retries == 0


def test_a_batch_beside_others_waits_until_there_is_room(server: BatchServer, tmp_path: Path) -> None:
    server.looks = 4

    def refuse(total: int) -> list[dict[str, Any]]:
        return TOO_MUCH if any(batch.status == "in_progress" for batch in server.batches) else []

    server.refuses = refuse
    texts = [str(number) for number in range(12)]
    replies, usage = ask(tmp_path, server.url, ask_all(*texts), max_requests=6)
    assert read_texts(replies) == [f"echo {text}" for text in texts]
    # Which of the two is early is decided by who arrives first; neither loses a row, or buys one twice.
    assert sum(batch.total for batch in server.batches if batch.status == "completed") == len(server.bill) == 12
    assert usage.retries == 0


def test_a_provider_that_takes_not_even_one_request_ends_the_run(server: BatchServer, tmp_path: Path) -> None:
    server.refuses = lambda total: TOO_MUCH
    replies, _ = ask(tmp_path, server.url, ask_all("a", "b", "c"))
    assert all(isinstance(reply, ModelError) for reply in replies)
    assert "Enqueued token limit reached" in str(replies[0])


def test_a_batch_that_is_refused_ends_the_run_and_says_why(server: BatchServer, tmp_path: Path) -> None:
    server.refuses = lambda total: [{"code": "model_not_found", "message": "No such model.", "line": None}]
    (reply,), _ = ask(tmp_path, server.url, ask_all("a"))
    assert isinstance(reply, ModelError)
    assert "No such model. (model_not_found)" in str(reply)
    assert list_open(tmp_path) == []


def test_a_batch_of_another_account_is_not_bought_again(server: BatchServer, tmp_path: Path) -> None:
    server.looks = None
    ask(tmp_path, server.url, ask_all("a"), max_wait_minutes=0)
    (reply,), _ = ask(tmp_path, server.url.replace("127.0.0.1", "localhost"), ask_all("a"))
    assert isinstance(reply, ModelError)
    assert server.url in str(reply)
    server.batches.clear()
    (reply,), _ = ask(tmp_path, server.url, ask_all("a"))
    assert isinstance(reply, ModelError)
    assert "--forget batch-2" in str(reply)
    assert [batch.requests for batch in list_open(tmp_path)] == [1]


@pytest.mark.parametrize(
    ("response", "words"),
    [(fail(401, "wrong key"), "api_key"), (fail(400, "no batches here"), "no batches here"), (fail(404), "has none")],
)
def test_an_interface_that_refuses_ends_the_run(
    response: Response, words: str, server: BatchServer, tmp_path: Path
) -> None:
    server.script["POST /v1/files"] = [response]
    (reply,), _ = ask(tmp_path, server.url, ask_all("a"))
    assert isinstance(reply, ModelError)
    assert words in str(reply)
    # Nothing is under way that the next run would wait for.
    assert list_open(tmp_path) == []


def test_a_dead_server_ends_the_run(server: BatchServer, tmp_path: Path) -> None:
    (reply,), _ = ask(tmp_path, "http://127.0.0.1:9/v1", ask_all("a"))
    assert isinstance(reply, ModelError)
    assert "does not answer after 3 attempts" in str(reply)


def test_a_provider_without_batches_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"batch\.enabled: anthropic/x"):
        ask(tmp_path, "http://127.0.0.1:9/v1", ask_all("a"), name="anthropic/x")


def test_parameters_are_named_as_the_model_wants_them(server: BatchServer, tmp_path: Path) -> None:
    ask(tmp_path, server.url, ask_all("a", model="openai/gpt-5-mini"), name="openai/gpt-5-mini")
    (body,) = server.list_requests(server.batches[0])
    assert body["max_completion_tokens"] == 64
    assert "max_tokens" not in body
    assert body["model"] == "gpt-5-mini"
    assert "secret" not in json.dumps(body)
