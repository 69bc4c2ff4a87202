"""The client against a real server: nothing is sent twice, nothing that arrived is lost, and it is quiet."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from persona_assets.errors import ModelError
from persona_assets.llm.client import ModelClient, resolve_task
from persona_assets.llm.request import Reply
from persona_assets.llm.usage import Usage
from persona_assets.settings import ModelSettings, TaskSettings
from persona_assets_tests.llm.clients import ask, ask_all, make_request
from persona_assets_tests.llm.server import ModelServer, Response, fail, say

pytestmark = pytest.mark.usefixtures("transport")

SCHEMA = {"type": "object", "properties": {"persona": {"type": "string"}}, "required": ["persona"]}


def test_a_reply_arrives_and_a_second_run_sends_nothing(tmp_path: Path) -> None:
    with ModelServer() as server:
        (reply,), usage = ask(tmp_path, server.url, ask_all("hi"))
        assert isinstance(reply, Reply)
        assert (reply.text, reply.finish_reason, reply.cost, reply.cached) == ("echo hi", "stop", None, False)
        assert (usage.calls, usage.cached, usage.unpriced, usage.prompt_tokens) == (1, 0, 1, 7)
        (again,), usage = ask(tmp_path, server.url, ask_all("hi"))
        assert isinstance(again, Reply)
        assert (again.text, again.key, again.cached) == (reply.text, reply.key, True)
        assert (usage.calls, usage.cached, usage.prompt_tokens, usage.cost) == (0, 1, 0, 0)
    assert len(server.requests) == 1


def test_what_decides_the_reply_is_sent(tmp_path: Path) -> None:
    with ModelServer() as server:
        work = ask_all("hi", top_p=0.9, schema=SCHEMA, max_tokens=33)
        ask(tmp_path, server.url, work, api_key=SecretStr("sk-secret-123456"))
        body = server.requests[0]
        assert (body["model"], body["temperature"], body["top_p"], body["max_tokens"]) == ("anything", 0.5, 0.9, 33)
        assert body["messages"] == [{"role": "user", "content": "hi"}]
        assert "stop" not in body
        assert body["response_format"]["json_schema"]["schema"] == SCHEMA
        assert server.keys == ["Bearer sk-secret-123456"]


def test_the_number_in_flight_is_bounded(tmp_path: Path) -> None:
    with ModelServer() as server:
        server.answer = lambda body: say("x", delay=0.05)
        ask(tmp_path, server.url, ask_all(*map(str, range(30))), max_concurrency=4)
        assert server.most_at_once == 4


def test_a_slow_disk_neither_holds_the_slots_nor_lets_replies_pile_up(tmp_path: Path) -> None:
    """Replies that wait for the ledger take no slot, but no more of them than there are slots."""
    seen: list[int] = []

    async def work(client: ModelClient) -> None:
        async def wait() -> None:
            with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                asked = asyncio.gather(*(client.ask(make_request(str(number))) for number in range(12)))
                for _ in range(100):
                    await asyncio.sleep(0.02)
                    seen.append(len(server.requests))
                other.execute("ROLLBACK")
            await asked

        await wait()

    with ModelServer() as server:
        _, usage = ask(tmp_path, server.url, work, max_concurrency=2)
    assert 2 < max(seen) <= 2 + 2 * 2
    assert (usage.calls, len(server.bill)) == (12, 12)


def test_equal_requests_in_flight_are_sent_once(tmp_path: Path) -> None:
    with ModelServer() as server:
        server.answer = lambda body: say("x", delay=0.2)
        replies, usage = ask(tmp_path, server.url, ask_all(*["same"] * 5))
        assert {reply.text for reply in replies if isinstance(reply, Reply)} == {"x"}
        assert (len(server.requests), usage.calls, usage.cached) == (1, 1, 4)


def test_a_truncated_reply_is_sent_again_only_for_a_larger_limit(tmp_path: Path) -> None:
    with ModelServer(say("cut", "length"), say("cut la", "length")) as server:
        for limit, text, sent in [(10, "cut", 1), (10, "cut", 1), (5, "cut", 1), (20, "cut la", 2), (99, "echo hi", 3)]:
            (reply,), _ = ask(tmp_path, server.url, ask_all("hi", max_tokens=limit))
            assert isinstance(reply, Reply)
            assert (reply.text, len(server.requests)) == (text, sent)
        (whole,), _ = ask(tmp_path, server.url, ask_all("hi", max_tokens=20_000))
        assert isinstance(whole, Reply)
        assert (whole.text, whole.cached) == ("echo hi", True)


def test_a_reply_that_the_model_itself_cut_is_sent_again_for_no_limit(tmp_path: Path) -> None:
    with ModelServer(say("cut", "length")) as server:
        for limit in (None, None, 20_000):
            (reply,), _ = ask(tmp_path, server.url, ask_all("hi", max_tokens=limit))
            assert isinstance(reply, Reply)
            assert (reply.text, reply.finish_reason, len(server.requests)) == ("cut", "length", 1)
    assert not {"max_tokens", "max_completion_tokens"} & set(server.requests[0])


def test_reasoning_comes_with_the_reply_also_from_the_ledger(tmp_path: Path) -> None:
    with ModelServer(say("<think>Hm, hm.</think>\n\nYes.")) as server:
        for _ in range(2):
            (reply,), _ = ask(tmp_path, server.url, ask_all("hi"))
            assert isinstance(reply, Reply)
            assert (reply.text, reply.reasoning, reply.finish_reason) == ("Yes.", "Hm, hm.", "stop")
    assert len(server.requests) == 1


def test_a_model_error_leaves_the_rest_of_the_run_to_the_next(tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> Response:
        return fail(401, delay="0") if "last" in str(body["messages"]) else say("fine", delay=0.05)

    async def work(client: ModelClient) -> None:
        await asyncio.gather(*(client.ask(make_request(text)) for text in [*map(str, range(40)), "last"]))

    with ModelServer() as server:
        server.answer = answer
        with pytest.raises(ModelError, match=r"model\.api_key"):
            ask(tmp_path, server.url, work, max_concurrency=8)
        server.answer = lambda body: say("fine")
        sent = len(server.bill)
        _, usage = ask(tmp_path, server.url, ask_all(*map(str, range(40))))
        assert usage.cached >= sent - 8
        assert usage.calls == 40 - usage.cached


def test_a_cancelled_run_loses_at_most_what_was_in_flight(tmp_path: Path) -> None:
    async def work(client: ModelClient) -> None:
        asked = [asyncio.ensure_future(client.ask(make_request(str(n)))) for n in range(40)]
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0.2)
        for future in asked:
            future.cancel()

    with ModelServer() as server:
        server.answer = lambda body: say("fine", delay=0.05)
        ask(tmp_path, server.url, work, max_concurrency=4)
        sent = len(server.requests)
        assert sent < 40
        _, usage = ask(tmp_path, server.url, ask_all(*map(str, range(40))))
        assert usage.cached >= sent - 4


def test_a_known_model_has_a_price_and_an_unknown_one_none(tmp_path: Path) -> None:
    with ModelServer() as server:
        (priced,), usage = ask(tmp_path, server.url, ask_all("hi", model="openai/gpt-4o-mini"))
        assert isinstance(priced, Reply)
        assert priced.cost == pytest.approx((7 * 0.15 + 5 * 0.60) / 1e6)
        assert (usage.unpriced, usage.cost) == (0, priced.cost)
        (own,), usage = ask(tmp_path, server.url, ask_all("hi", model="hosted_vllm/gpt-4o-mini"))
        assert isinstance(own, Reply)
        assert (own.cost, usage.unpriced) == (None, 1)


def test_usage_tells_its_listener() -> None:
    seen: list[int] = []
    usage = Usage(listener=lambda now: seen.append(now.calls + now.cached + now.retries))
    reply = Reply("k", "t", "stop", 1, 1, None)
    usage.count(reply)
    usage.count_retry()
    assert seen == [1, 2]


def test_the_address_and_key_of_one_provider_are_not_for_another() -> None:
    model = ModelSettings(name="openai/a", api_base="http://mine", api_key=SecretStr("k"))
    assert resolve_task(model, TaskSettings()) == [model]
    assert resolve_task(model, TaskSettings(model="openai/b")) == [model.model_copy(update={"name": "openai/b"})]
    [other] = resolve_task(model, TaskSettings(model="anthropic/c"))
    assert resolve_task(model, TaskSettings(models=("openai/a", "anthropic/c", "openai/a"))) == [model, other]
    assert (other.name, other.api_base, other.api_key) == ("anthropic/c", None, None)


def test_a_run_is_quiet_and_needs_no_network(tmp_path: Path, transport: str) -> None:
    program = """
import socket, sys
from pathlib import Path
allowed = socket.socket.connect
def connect(self, address):
    assert address[0] == "127.0.0.1", address
    return allowed(self, address)
socket.socket.connect = connect
from persona_assets_tests.llm.server import ModelServer, fail
from persona_assets_tests.llm import clients
from persona_assets_tests.llm.clients import ask, ask_all
clients.transport = sys.argv[2]
with ModelServer(fail(500), fail(429)) as server:
    for names in "abc", "cde":
        ask(Path(sys.argv[1]), server.url, ask_all(*names))
        assert ask(Path(sys.argv[1]), server.url, ask_all("x"), name="embedded//no.gguf")
"""
    command = [sys.executable, "-X", "dev", "-c", program, str(tmp_path), transport]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # What asyncio's debug mode says of slow steps, and litellm's own deprecations, are not ours.
    lines = done.stderr.splitlines()
    noise = [line for line in lines if not line.startswith(("Executing <", "  ")) and "site-packages" not in line]
    assert (done.returncode, done.stdout, noise) == (0, "", [])


def test_a_run_with_nothing_to_send_does_not_import_litellm(tmp_path: Path) -> None:
    with ModelServer() as server:
        ask(tmp_path, server.url, ask_all("a"))
    program = """
import sys
from contextlib import closing
from pathlib import Path
from persona_assets_tests.llm.clients import ask, ask_all
_, usage = ask(Path(sys.argv[1]), "http://127.0.0.1:9/v1", ask_all("a"))
assert usage.cached == 1
print([name for name in ("litellm", "openai", "torch") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_a_server_is_asked_and_a_model_priced_without_litellm(tmp_path: Path) -> None:
    program = """
import sys
from contextlib import closing
from pathlib import Path
from persona_assets_tests.llm.clients import ask, ask_all
from persona_assets_tests.llm.server import ModelServer, fail
with ModelServer(fail(500)) as server:
    for model in "hosted_vllm/mine", "openai/gpt-4o-mini":
        _, usage = ask(Path(sys.argv[1]), server.url, ask_all("a", model=model))
        assert usage.calls == 1
assert usage.cost > 0
print([name for name in ("litellm", "openai", "torch") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
