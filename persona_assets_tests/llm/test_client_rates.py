"""The client against servers that bear only so much: every row comes, and the server is not flooded."""

import asyncio
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from persona_assets.errors import ModelError
from persona_assets.llm import provider
from persona_assets.llm.client import ModelClient
from persona_assets.llm.request import Reply
from persona_assets_tests.llm.clients import ask, ask_all, make_request
from persona_assets_tests.llm.faults import CONTENT, NEVER, TRANSPORT, Faults
from persona_assets_tests.llm.server import ModelServer, Response, fail, say

ROWS = [str(number) for number in range(400)]


def echo(body: dict[str, Any]) -> Response:
    return say(f"echo {body['messages'][-1]['content']}")


def texts(replies: list[Reply | BaseException]) -> list[str]:
    return [reply.text if isinstance(reply, Reply) else repr(reply) for reply in replies]


class Crowded:
    """Answers as long as there are few requests at once, and turns the others away."""

    def __init__(self, room: int, delay: float = 0.04, **headers: str) -> None:
        self.room, self.delay, self.headers = room, delay, headers
        self.turned_away: list[float] = []
        self.answered: list[float] = []
        self._at_once = 0
        self._lock = threading.Lock()

    def __call__(self, body: dict[str, Any]) -> Response:
        with self._lock:
            if self._at_once >= self.room:
                self.turned_away.append(time.monotonic())
                return fail(429, **self.headers)
            self._at_once += 1
        time.sleep(self.delay)
        with self._lock:
            self._at_once -= 1
            self.answered.append(time.monotonic())
        return echo(body)


class _Unlocked(ModelServer):
    """Asks for the answer outside of the lock, so that answers may take their time at once."""

    def respond(self, body: dict[str, Any], authorization: str) -> Response:
        return self.answer(body)


@pytest.mark.parametrize("headers", [{}, {"retry_after": "0.1"}], ids=["429", "429 with Retry-After"])
def test_a_crowded_server_gets_fewer_at_once_and_every_row_comes(headers: dict[str, str], tmp_path: Path) -> None:
    crowd = Crowded(6, **headers)
    with _Unlocked() as server:
        server.answer = crowd
        replies, usage = ask(tmp_path, server.url, ask_all(*ROWS[:300]), max_concurrency=64)
    assert texts(replies) == [f"echo {row}" for row in ROWS[:300]]
    assert (usage.calls, usage.retries) == (300, len(crowd.turned_away))
    assert usage.throttled == usage.retries > 0
    assert 12 <= usage.concurrency <= 64
    assert 1 <= usage.limit < 32
    # The first burst is what could not be known; after it the server is nearly left in peace.
    half = crowd.answered[150]
    late = sum(at > half for at in crowd.turned_away)
    assert late < len(crowd.turned_away) / 3


def test_throughput_recovers_when_the_crowd_has_gone(tmp_path: Path) -> None:
    crowd = Crowded(2, delay=0.02)
    with _Unlocked() as server:
        server.answer = crowd
        _, usage = ask(tmp_path, server.url, ask_all(*ROWS[:60]), max_concurrency=32)
        slow = usage.limit
        assert slow <= 8
        crowd.room = 1_000
        _, usage = ask(tmp_path, server.url, ask_all(*ROWS[60:]), max_concurrency=32)
        # The second asset begins with what the first learned, and works its way up.
        assert usage.throttled == 0
        assert slow < usage.limit
        assert usage.concurrency > 2 * slow


def test_nobody_sends_before_a_retry_after_is_over(tmp_path: Path) -> None:
    arrivals: list[float] = []

    def answer(body: dict[str, Any]) -> Response:
        arrivals.append(time.monotonic())
        return fail(429, retry_after="1") if len(arrivals) == 1 else echo(body)

    with ModelServer() as server:
        server.answer = answer
        replies, usage = ask(tmp_path, server.url, ask_all(*ROWS[:8]), max_concurrency=1)
    assert texts(replies) == [f"echo {row}" for row in ROWS[:8]]
    assert arrivals[1] - arrivals[0] >= 1.0
    assert (usage.throttled, usage.limit) == (1, 1)


def test_requests_per_minute_are_kept(tmp_path: Path) -> None:
    with ModelServer() as server:
        began = time.monotonic()
        ask(tmp_path, server.url, ask_all(*ROWS[:21]), requests_per_minute=1_200)
        # A second's worth at once, the others one after another.
        assert time.monotonic() - began >= 1 / 20
        began = time.monotonic()
        ask(tmp_path, server.url, ask_all(*ROWS[21:61]), requests_per_minute=1_200)
        assert time.monotonic() - began >= 20 / 20


def test_hundreds_of_requests_at_30_percent_faults_give_the_same_replies(tmp_path: Path) -> None:
    with ModelServer() as server:
        server.answer = faults = Faults(echo, 0.3, seed=7)
        replies, usage = ask(tmp_path, server.url, ask_all(*ROWS), max_concurrency=32, max_attempts=12)
    assert texts(replies) == [f"echo {row}" for row in ROWS]
    assert set(faults.injected) == set(TRANSPORT)
    assert 0.2 * 400 < faults.injected.total() < 0.7 * 400
    # What drips in the end arrives; nothing else was counted as an answer, or asked for more often than it had to be.
    assert usage.retries == faults.injected.total() - faults.injected["slow drip"]
    assert usage.calls == 400
    assert len(server.requests) == 400 + usage.retries


def test_a_server_that_sometimes_never_answers_costs_no_row(tmp_path: Path) -> None:
    with ModelServer() as server:
        server.answer = faults = Faults(echo, 0.2, seed=1, kinds=NEVER, at_most=1)
        replies, usage = ask(tmp_path, server.url, ask_all(*ROWS[:40]), timeout=1.0)
    assert texts(replies) == [f"echo {row}" for row in ROWS[:40]]
    # On a machine that is busy a reply that was to come may be late, too.
    assert usage.throttled >= faults.injected.total() > 0


@pytest.mark.parametrize("transport", ["auto", "litellm"])
def test_a_reply_that_drips_beyond_the_time_out_is_asked_for_again(
    transport: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "_GRACE", 0.5)
    with ModelServer() as server:
        # What litellm does at its first call takes longer than this time-out.
        ask(tmp_path, server.url, ask_all("before"), transport=transport)
        server.script.append(Response(body=say("x" * 2_000).body, drip=0.2))
        began = time.monotonic()
        (reply,), usage = ask(tmp_path, server.url, ask_all("hi"), timeout=0.5, transport=transport)
        assert isinstance(reply, Reply)
        assert (reply.text, usage.retries, usage.throttled) == ("echo hi", 1, 1)
        assert time.monotonic() - began < 8


def test_a_server_that_is_overloaded_for_good_ends_the_run(tmp_path: Path) -> None:
    with ModelServer() as server:
        server.answer = lambda _: fail(503)
        replies, usage = ask(tmp_path, server.url, ask_all(*ROWS[:20]), max_attempts=3)
    assert any(isinstance(reply, ModelError) and "does not answer after 3" in str(reply) for reply in replies)
    assert usage.limit < 16


def test_a_cancelled_run_leaves_no_slot_taken(tmp_path: Path) -> None:
    async def work(client: ModelClient) -> None:
        asked = [asyncio.ensure_future(client.ask(make_request(row))) for row in ROWS[:20]]
        await asyncio.sleep(0.3)
        for future in asked:
            future.cancel()

    with ModelServer(*[fail(429, retry_after="0.5")] * 2) as server:
        server.answer = lambda body: replace(echo(body), delay=0.2)
        ask(tmp_path, server.url, work, max_concurrency=4)
        replies, usage = ask(tmp_path, server.url, ask_all(*ROWS[:20]), max_concurrency=4)
    assert texts(replies) == [f"echo {row}" for row in ROWS[:20]]
    assert usage.concurrency >= 2


@pytest.mark.parametrize("kinds", [TRANSPORT, CONTENT, NEVER], ids=["transport", "content", "never"])
def test_faults_depend_on_seed_content_and_attempt_alone(kinds: Any) -> None:
    def run(seed: int, order: list[str]) -> Counter[str]:
        faults = Faults(echo, 0.3, seed, kinds)
        for row in order:
            faults({"messages": [{"role": "user", "content": row}]})
        return faults.injected

    assert run(3, ROWS) == run(3, ROWS[::-1])
    assert 0.2 * 400 < run(3, ROWS).total() < 0.4 * 400
    assert set(run(3, ROWS)) == set(kinds)
