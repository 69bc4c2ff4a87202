"""Which models are asked without litellm, and that a server sees and says the same either way."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from persona_assets.errors import ModelError
from persona_assets.llm import chat_server
from persona_assets.llm.chat_server import ChatServer, NoCompletionError, ServerError, find_server, post_chat
from persona_assets.llm.client import ModelClient
from persona_assets.llm.request import Reply
from persona_assets.settings import ModelSettings
from persona_assets_tests.llm.clients import ask, ask_all, make_request
from persona_assets_tests.llm.server import ModelServer, Response, fail, say

SCHEMA = {"type": "object", "properties": {"persona": {"type": "string"}}, "required": ["persona"]}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    find_server.cache_clear()
    for name in [
        variable for provider in chat_server._PROVIDERS.values() for variable in (*provider.bases, provider.key)
    ]:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("model", "settings", "url"),
    [
        ("openai/mine", {"api_base": "http://h:1/v1/"}, "http://h:1/v1/chat/completions"),
        ("openai/gpt-oss-20b", {"api_base": "http://h/v1"}, "http://h/v1/chat/completions"),
        ("openai/meta/olmo-7b", {"api_base": "http://h/v1"}, "http://h/v1/chat/completions"),
        ("hosted_vllm/org/mine", {"api_base": "http://h/v1/chat/completions"}, "http://h/v1/chat/completions"),
        ("openai/gpt-4o-mini", {"api_key": "k"}, "https://api.openai.com/v1/chat/completions"),
        # Whose parameters litellm rewrites, or who has none that we know.
        ("openai/o3-mini", {"api_key": "k"}, None),
        ("openai/gpt-5-mini", {"api_base": "http://h/v1"}, None),
        ("openai/team/gpt-5-mini", {"api_base": "http://h/v1"}, None),
        ("openai/gpt-4o-audio-preview", {"api_key": "k"}, None),
        ("openai/chat-latest", {"api_key": "k"}, None),
        ("openai/gpt-4o", {}, None),
        ("anthropic/claude", {"api_base": "http://h/v1"}, None),
        ("ollama_chat/llama3", {"api_base": "http://h"}, None),
        ("hosted_vllm/mine", {}, None),
        ("hosted_vllm/mine", {"api_base": "h:1/v1"}, None),
        ("openai/mine", {"api_base": "http://user:word@h/v1"}, None),
        ("mine", {"api_base": "http://h/v1"}, None),
        ("openai/mine", {"api_base": "http://h/v1", "transport": "litellm"}, None),
    ],
)  # fmt: skip
def test_a_model_is_asked_directly_where_that_is_the_same(
    model: str, settings: dict[str, Any], url: str | None
) -> None:
    server = find_server(model, ModelSettings(**settings))
    assert (server.url if server else None) == url


def test_the_provider_s_own_variables_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTED_VLLM_API_BASE", "http://h/v1")
    monkeypatch.setenv("HOSTED_VLLM_API_KEY", "k")
    server = find_server("hosted_vllm/mine", ModelSettings())
    assert server == ChatServer("http://h/v1/chat/completions", "k")
    assert "'k'" not in repr(server)
    find_server.cache_clear()
    monkeypatch.setenv("OPENAI_ORG_ID", "mine")
    assert find_server("hosted_vllm/mine", ModelSettings()) is None


@pytest.mark.parametrize("provider", ["openai", "hosted_vllm", "lm_studio", "llamafile"])
def test_a_server_is_sent_the_same_either_way(provider: str, tmp_path: Path) -> None:
    bodies, keys = [], []
    for transport in ("auto", "litellm"):
        with ModelServer() as server:
            model = f"{provider}/mine"
            work = ask_all("hí \ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), model=model, top_p=0.9,
                           schema=SCHEMA, max_tokens=33)  # fmt: skip
            settings = {"name": model, "api_key": SecretStr("sk-secret-123456"), "transport": transport}
            (reply,), _ = ask(tmp_path / transport, server.url, work, **settings)
            assert isinstance(reply, Reply)
            bodies.append(server.requests[0])
            keys.append(server.keys[0])
    assert bodies[0] == bodies[1]
    assert keys == ["Bearer sk-secret-123456"] * 2


@pytest.mark.parametrize(
    "response",
    [
        say("<think>Hm. A teacher?</think>A teacher"),
        say("cut", finish_reason="max_tokens"),
        say("", refusal="I will not"),
        say("held back", finish_reason="content_filter"),
        say("half \ud83d"),
    ],
    ids=["thoughts", "another word for length", "refusal", "filter", "half a surrogate pair"],
)
def test_a_reply_reads_the_same_either_way(response: Response, tmp_path: Path) -> None:
    read = []
    for transport in ("auto", "litellm"):
        with ModelServer() as server:
            server.answer = lambda _: response
            (reply,), _ = ask(tmp_path / transport, server.url, ask_all("hi"), transport=transport)
            assert isinstance(reply, Reply)
            read.append((reply.key, reply.text, reply.finish_reason, reply.reasoning, reply.completion_tokens))
    assert read[0] == read[1]


def post(url: str, key: str | None = None, seconds: float = 5.0) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        try:
            return await post_chat(
                ChatServer(f"{url}/chat/completions", key), {"messages": [{"content": "hi"}]}, seconds
            )
        finally:
            await chat_server.close_sessions()

    return asyncio.run(run())


def test_an_answer_that_the_server_broke_off_is_no_completion() -> None:
    with (
        ModelServer(say("half an ans", finish_reason="abort")) as server,
        pytest.raises(NoCompletionError, match="broke"),
    ):
        post(server.url)


@pytest.mark.parametrize("beside", ["", ', "choices": [{"message": {"content": null}}]'])
@pytest.mark.parametrize("code", ["429", '"429"'])
def test_an_error_under_a_status_of_200_is_an_error(code: str, beside: str) -> None:
    body = f'{{"error": {{"message": "upstream is busy", "code": {code}}}{beside}}}'
    error = Response(body=body, headers={"Retry-After": "3"})
    with ModelServer(error) as server, pytest.raises(ServerError, match="upstream is busy") as raised:
        post(server.url)
    assert (raised.value.status_code, raised.value.headers["Retry-After"]) == (429, "3")


def test_no_error_repeats_the_key() -> None:
    with ModelServer(fail(500, "you sent p4ssw0rt")) as server, pytest.raises(ServerError) as raised:
        post(server.url, "p4ssw0rt")
    assert "p4ss" not in str(raised.value)


def test_connections_are_used_again(tmp_path: Path) -> None:
    async def work(client: ModelClient) -> int:
        for number in range(5):
            await client.ask(make_request(str(number)))
        session = chat_server._sessions[asyncio.get_running_loop()]
        assert session.connector
        return sum(map(len, session.connector._conns.values()))  # type: ignore[attr-defined]

    with ModelServer() as server:
        kept, _ = ask(tmp_path, server.url, work)
    assert kept == 1
    assert not chat_server._sessions


def test_an_unreachable_server_is_told_from_one_that_fails(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(ModelError, match="after 3 attempts"):
        ask(tmp_path, "http://127.0.0.1:9/v1", lambda client: client.ask(make_request()))
    assert time.monotonic() - start < 5
