"""The client against a server that misbehaves: what passes costs no row, what does not says what to do."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from persona_assets.errors import ModelError
from persona_assets.llm.client import ModelClient
from persona_assets.llm.request import RefusedError, Reply
from persona_assets_tests.llm.clients import ask, ask_all, make_request
from persona_assets_tests.llm.server import DROPPED, GARBAGE, HOLLOW, ModelServer, Response, fail, say

pytestmark = pytest.mark.usefixtures("transport")

SCHEMA = {"type": "object", "properties": {"persona": {"type": "string"}}, "required": ["persona"]}


@pytest.mark.parametrize(
    "fault",
    [fail(429), fail(429, retry_after="0"), fail(500), fail(502), fail(503), GARBAGE, HOLLOW, DROPPED],
    ids=["429", "429 with Retry-After", "500", "502", "503", "garbage", "no choices", "dropped connection"],
)
def test_a_fault_that_passes_costs_no_row(fault: Response, tmp_path: Path) -> None:
    with ModelServer(fault, fault) as server:
        (reply,), usage = ask(tmp_path, server.url, ask_all("hi"))
        assert isinstance(reply, Reply)
        assert reply.text == "echo hi"
        assert (usage.calls, usage.retries, len(server.requests)) == (1, 2, 3)


def test_a_slow_reply_is_asked_for_again(tmp_path: Path) -> None:
    with ModelServer(say("late", delay=1.5)) as server:
        (reply,), usage = ask(tmp_path, server.url, ask_all("hi"), timeout=0.3)
        assert isinstance(reply, Reply)
        assert (reply.text, usage.retries) == ("echo hi", 1)


def test_retry_after_is_honoured(tmp_path: Path) -> None:
    with ModelServer(fail(429, retry_after="1")) as server:
        loop_time = asyncio.new_event_loop().time
        start = loop_time()
        ask(tmp_path, server.url, ask_all("hi"))
        assert loop_time() - start >= 1


def test_any_number_of_429s_neither_drops_a_row_nor_ends_the_run(tmp_path: Path) -> None:
    with ModelServer(*[fail(429, retry_after="0")] * 40) as server:
        replies, usage = ask(tmp_path, server.url, ask_all(*"abcd"), max_attempts=2)
        assert [reply.text for reply in replies if isinstance(reply, Reply)] == [f"echo {name}" for name in "abcd"]
        assert (usage.calls, usage.retries) == (4, 40)


def test_a_request_that_keeps_failing_is_refused_while_others_succeed(tmp_path: Path) -> None:
    with ModelServer() as server:
        server.answer = lambda body: fail(500) if "poison" in str(body["messages"]) else say("fine")
        replies, _ = ask(tmp_path, server.url, ask_all("a", "poison", "b"), max_attempts=3)
        assert [getattr(reply, "text", None) for reply in replies] == ["fine", None, "fine"]
        assert isinstance(replies[1], RefusedError)
        assert replies[1].reason == "server_error"
        # Alone in the next run, it must not end that one either; and its error was not stored as an answer.
        (again,), usage = ask(tmp_path, server.url, ask_all("poison"), max_attempts=3)
        assert isinstance(again, RefusedError)
        assert (usage.calls, usage.cached) == (0, 0)
        server.answer = lambda body: say("cured")
        (cured,), _ = ask(tmp_path, server.url, ask_all("poison"))
        assert isinstance(cured, Reply)


def test_a_server_that_only_fails_ends_the_run(tmp_path: Path) -> None:
    with ModelServer() as server:
        server.answer = lambda body: fail(500)
        replies, _ = ask(tmp_path, server.url, ask_all(*"abcdef"), max_attempts=2)
        assert any(
            isinstance(reply, ModelError) and "does not answer after 2 attempts" in str(reply) for reply in replies
        )


def test_a_dead_server_ends_the_run_soon(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"http://127\.0\.0\.1:9/v1 does not answer after 3 .*model\.api_base"):
        ask(tmp_path, "http://127.0.0.1:9/v1", lambda client: client.ask(make_request()))


def test_a_server_that_dies_on_the_way_keeps_what_it_answered(tmp_path: Path) -> None:
    with ModelServer() as server:

        async def work(client: ModelClient) -> None:
            await client.ask(make_request("before"))
            server.stop()
            with pytest.raises(ModelError, match="start the server"):
                await client.ask(make_request("after"))

        ask(tmp_path, server.url, work, max_attempts=3)
        (reply,), usage = ask(tmp_path, server.url, ask_all("before"))
        assert isinstance(reply, Reply)
        assert usage.cached == 1


@pytest.mark.parametrize(
    ("fault", "settings", "message"),
    [
        (fail(401, "Incorrect API key provided: sk-secret-123456"), {}, r"model\.api_key: .*refuses the key.*API_KEY"),
        (fail(403, "forbidden"), {}, r"model\.api_key"),
        (fail(404, "The model does not exist", "model_not_found"), {}, r"model\.name: openai/anything is not known"),
        (fail(429, "You exceeded your current quota", "insufficient_quota"), {}, "has nothing left.*top it up"),
        (fail(402, "Payment required"), {}, "has nothing left"),
        (say(""), {"name": "nonsense/model"}, r"model\.name: nonsense/model names no provider"),
        (say(""), {"name": "model"}, r"model\.name: model names no provider"),
        (say(""), {"name": "embedded//no/such.gguf"}, r"model\.name"),
    ],
    ids=["wrong key", "forbidden", "unknown model", "no quota", "unpaid", "unknown provider", "no provider", "no file"],
)
def test_what_no_request_survives_ends_the_run(
    fault: Response, settings: dict[str, Any], message: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="persona_assets")
    with ModelServer(fault) as server, pytest.raises(ModelError, match=message) as raised:
        request = make_request(model=settings.get("name", "openai/anything"))
        ask(tmp_path, server.url, lambda client: client.ask(request), api_key="sk-secret-123456", **settings)
    assert len(server.requests) <= 1
    assert "secret" not in str(raised.value) + caplog.text


def test_the_key_is_nowhere_in_the_ledger_or_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with ModelServer(fail(500, "headers: Authorization: Bearer sk-secret-123456")) as server:
        ask(tmp_path, server.url, ask_all("hi"), api_key="sk-secret-123456")
        assert "secret" in server.keys[0]
    ours = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("persona_assets"))
    assert "secret" not in ours
    assert all(b"secret" not in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (fail(400, "maximum context length is 4096 tokens", "context_length_exceeded"), "prompt_too_long"),
        (fail(413, "too large"), "prompt_too_long"),
        (fail(400, "rejected as a result of our safety system", "content_policy_violation"), "content_filter"),
        (fail(403, "The model requires moderation and your input was flagged for violence"), "content_filter"),
        (fail(400, "this is a bad request"), "bad_request"),
        (fail(422, "cannot be processed"), "bad_request"),
    ],
)  # fmt: skip
def test_what_one_request_does_not_survive_refuses_that_one(fault: Response, reason: str, tmp_path: Path) -> None:
    with ModelServer() as server:
        server.answer = lambda body: fault if "bad" in str(body["messages"]) else say("fine")
        replies, usage = ask(tmp_path, server.url, ask_all("a", "bad", "b"))
        assert isinstance(replies[1], RefusedError)
        assert (replies[1].reason, usage.calls, usage.retries) == (reason, 2, 0)


def test_a_server_that_refuses_every_request_ends_the_run(tmp_path: Path) -> None:
    with ModelServer() as server:
        server.answer = lambda body: fail(400, "no such parameter")
        replies, _ = ask(tmp_path, server.url, ask_all(*"abcdef"))
        errors = [reply for reply in replies if isinstance(reply, ModelError)]
        assert errors
        assert "openai/anything refuses every request" in str(errors[0])
        assert "no such parameter" in str(errors[0])


def test_structured_output_steps_down_to_what_the_server_takes(tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> Response:
        kind = body.get("response_format", {}).get("type")
        return fail(400, f"unsupported response_format {kind}") if kind else say("{}")

    with ModelServer() as server:
        server.answer = answer
        replies, usage = ask(tmp_path, server.url, ask_all(*"abcdefgh", schema=SCHEMA))
        assert [getattr(reply, "response_format", None) for reply in replies] == ["none"] * 8
        assert (usage.calls, len(server.bill)) == (8, 8)


@pytest.mark.parametrize(("setting", "asked_by"), [("auto", "schema"), ("json", "json"), ("none", "none")])
def test_a_stored_reply_says_how_its_json_was_asked_for(setting: str, asked_by: str, tmp_path: Path) -> None:
    with ModelServer() as server:
        for structured_output in (setting, "auto"):
            (reply,), _ = ask(tmp_path, server.url, ask_all("hi", schema=SCHEMA), structured_output=structured_output)
            assert isinstance(reply, Reply)
            assert reply.response_format == asked_by
        (plain,), _ = ask(tmp_path, server.url, ask_all("hi"))
        assert isinstance(plain, Reply)
        assert plain.response_format is None
        assert len(server.requests) == 2
