"""What is read out of a response, and what a failed attempt means."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic import SecretStr

from persona_assets.errors import ModelError
from persona_assets.llm import provider
from persona_assets.llm.provider_errors import (
    OverloadedError,
    SchemaUnsupportedError,
    ThrottledError,
    TransientError,
    read_error,
    read_retry_after,
)
from persona_assets.llm.request import ChatRequest
from persona_assets.settings import ModelSettings

REQUEST = ChatRequest("openai/m", [{"role": "user", "content": "hi"}], 0.5, 100)


def body(content: Any, finish_reason: str | None = "stop", choice: Any = None, **message: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": content, **message}, "finish_reason": finish_reason, **(choice or {})}]}


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (body("hello"), ("hello", "stop")),
        (body("hel", "length"), ("hel", "length")),
        (body("hello", None), ("hello", "stop")),
        (body(None), ("", "stop")),
        ({"choices": [{"message": {}}]}, ("", "stop")),
        (body(["parts"]), ("", "stop")),
        (body("to be", choice={"provider_specific_fields": {"stopped_by": "loop"}}), ("to be", "loop")),
        (body(None, provider_specific_fields={"refusal": "I will not"}), ("I will not", "content_filter")),
        (body("half \ud83d"), ("half ?", "stop")),
    ],
)
def test_text_and_finish_reason_are_read(response: dict[str, Any], expected: tuple[str, str]) -> None:
    assert provider.read_text(response) == expected


class _FailureError(Exception):
    def __init__(self, text: str, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status_code = status
        self.litellm_response_headers = headers


def _http_date(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [("7", 7, 7), ("0.5", 0.5, 0.5), ("-3", 0, 0), (+60, 20, 61), (-60, 0, 0)],
)
def test_retry_after_is_a_number_or_a_date(header: str | int, low: float, high: float) -> None:
    header = header if isinstance(header, str) else _http_date(header)
    seconds = read_retry_after(_FailureError("slow down", 429, {"Retry-After": header}))
    assert seconds is not None
    assert low <= seconds <= high


@pytest.mark.parametrize("headers", [None, {}, {"retry-after": "soon"}, {"retry-after": "inf"}, {"retry-after": "nan"}])
def test_no_or_a_senseless_retry_after_is_none(headers: dict[str, str] | None) -> None:
    assert read_retry_after(_FailureError("slow down", 429, headers)) is None


def test_a_server_error_that_speaks_of_connections_is_not_an_unreachable_server() -> None:
    meant = read_error(_FailureError("cannot connect to the database", 500), REQUEST, ModelSettings(), None)
    assert type(meant) is TransientError


def test_an_error_of_ours_passes_through_litellm() -> None:
    wrapped = _FailureError("wrapped", 500)
    wrapped.__cause__ = ModelError("model.name: no such file")
    assert str(read_error(wrapped, REQUEST, ModelSettings(), None)) == "model.name: no such file"


@pytest.mark.parametrize("status", [400, 401, 404, 408, 413, 429, 500, 529])
def test_no_message_holds_the_key_or_anything_like_one(status: int) -> None:
    settings = ModelSettings(api_key=SecretStr("my own p4ss"))
    failure = _FailureError("bad: my own p4ss, sk-abcdef123456 and Bearer abcdefgh1234", status)
    text = str(read_error(failure, REQUEST, settings, None))
    assert not any(secret in text for secret in ("p4ss", "abcdef"))


def test_a_429_is_a_wait() -> None:
    meant = read_error(_FailureError("slow down", 429, {"retry-after": "2"}), REQUEST, ModelSettings(), None)
    assert isinstance(meant, ThrottledError)
    assert meant.retry_after == 2


@pytest.mark.parametrize("status", [408, 503, 504, 529])
def test_an_overload_keeps_the_time_that_the_server_names(status: int) -> None:
    meant = read_error(_FailureError("busy", status, {"retry-after": "2"}), REQUEST, ModelSettings(), None)
    assert isinstance(meant, OverloadedError)
    assert meant.retry_after == 2


def test_a_time_out_is_an_overload() -> None:
    late = _FailureError("no answer", 500)
    late.__cause__ = TimeoutError()
    assert isinstance(read_error(late, REQUEST, ModelSettings(), None), OverloadedError)


def test_the_seed_is_fixed_by_the_key_and_fits_every_engine() -> None:
    seeds = [provider.derive_seed(f"{n}") for n in range(100)]
    assert seeds == [provider.derive_seed(f"{n}") for n in range(100)]
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert len(set(seeds)) == 100


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        ("openai/m", {"api_base": "http://x"}, {"api_base": "http://x", "api_key": "none"}),
        ("openai/m", {"api_key": "k"}, {"api_key": "k"}),
        ("openai/m", {}, {}),
        ("anthropic/m", {"api_base": "http://x"}, {"api_base": "http://x"}),
        ("embedded/m", {"api_base": "http://x", "api_key": "k", "context_tokens": 777}, {"context_tokens": 777}),
    ],
)
def test_address_and_key_go_where_they_belong(
    model: str, settings: dict[str, Any], expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    parameters = provider._choose_parameters(ChatRequest(model, [], 0.0, 10), ModelSettings(**settings))
    names = {"api_base", "api_key", "context_tokens"}
    assert {name: value for name, value in parameters.items() if name in names} == expected


def test_a_format_that_litellm_would_leave_out_is_refused_and_not_just_lost() -> None:
    request = ChatRequest("replicate/m", [{"role": "user", "content": "hi"}], 0.5, 100, schema={"type": "object"})
    with pytest.raises(SchemaUnsupportedError, match="would leave it out"):
        asyncio.run(provider.complete(request, "k", ModelSettings(), {"type": "json_object"}))


def test_a_key_of_the_environment_is_left_to_litellm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert provider._choose_key("openai", ModelSettings(api_base="http://x")) is None
