"""What a failed attempt means, and where a request goes."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic import SecretStr

from persona_assets.errors import ModelError
from persona_assets.llm import provider
from persona_assets.llm.dialect import Dialect
from persona_assets.llm.provider_errors import (
    NotTakenError,
    OverloadedError,
    ThrottledError,
    TransientError,
    read_error,
    read_retry_after,
)
from persona_assets.llm.request import ChatRequest
from persona_assets.settings import ModelSettings

MODEL = "openai/m"


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
    meant = read_error(_FailureError("cannot connect to the database", 500), MODEL, ModelSettings())
    assert type(meant) is TransientError


def test_an_error_of_ours_passes_through_litellm() -> None:
    wrapped = _FailureError("wrapped", 500)
    wrapped.__cause__ = ModelError("model.name: no such file")
    assert str(read_error(wrapped, MODEL, ModelSettings())) == "model.name: no such file"


@pytest.mark.parametrize("status", [400, 401, 404, 408, 413, 429, 500, 529])
def test_no_message_holds_the_key_or_anything_like_one(status: int) -> None:
    settings = ModelSettings(api_key=SecretStr("my own p4ss"))
    failure = _FailureError("bad: my own p4ss, sk-abcdef123456 and Bearer abcdefgh1234", status)
    text = str(read_error(failure, MODEL, settings))
    assert not any(secret in text for secret in ("p4ss", "abcdef"))


def test_a_429_is_a_wait() -> None:
    meant = read_error(_FailureError("slow down", 429, {"retry-after": "2"}), MODEL, ModelSettings())
    assert isinstance(meant, ThrottledError)
    assert meant.retry_after == 2


@pytest.mark.parametrize("status", [408, 503, 504, 529])
def test_an_overload_keeps_the_time_that_the_server_names(status: int) -> None:
    meant = read_error(_FailureError("busy", status, {"retry-after": "2"}), MODEL, ModelSettings())
    assert isinstance(meant, OverloadedError)
    assert meant.retry_after == 2


def test_a_time_out_is_an_overload() -> None:
    late = _FailureError("no answer", 500)
    late.__cause__ = TimeoutError()
    assert isinstance(read_error(late, MODEL, ModelSettings()), OverloadedError)


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        ("openai/m", {"api_base": "http://x"}, {"api_base": "http://x", "api_key": "none"}),
        ("openai/m", {"api_key": "k"}, {"api_key": "k"}),
        ("openai/m", {}, {}),
        ("anthropic/m", {"api_base": "http://x"}, {"api_base": "http://x"}),
    ],
)
def test_address_and_key_go_where_they_belong(
    model: str, settings: dict[str, Any], expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert provider.choose_address(model.split("/")[0], ModelSettings(**settings)) == expected


def test_a_format_that_litellm_would_leave_out_is_refused_and_not_just_lost() -> None:
    request = ChatRequest("replicate/m", [{"role": "user", "content": "hi"}], 0.5, 100, schema={"type": "object"})
    with pytest.raises(NotTakenError, match="would leave it out") as raised:
        asyncio.run(provider.complete(request, Dialect("replicate/m").write(request, "k"), ModelSettings()))
    assert raised.value.feature == "schema"


def test_a_key_of_the_environment_is_left_to_litellm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert provider._choose_key("openai", ModelSettings(api_base="http://x")) is None
