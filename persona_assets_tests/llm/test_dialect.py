"""What a server does not take is learned from one refusal and asked otherwise, directly and through litellm."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from persona_assets.llm import dialect
from persona_assets.llm.dialect import Call, Dialect, Feature, derive_seed
from persona_assets.llm.request import RefusedError, Reply
from persona_assets_tests.llm.clients import ask, ask_all, make_request
from persona_assets_tests.llm.server import ModelServer, Response, fail, say

SCHEMA = {"type": "object", "properties": {"persona": {"type": "string"}}, "required": ["persona"]}
ROWS = [str(number) for number in range(30)]
TOLD = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello."}]

Check = Callable[[dict[str, Any]], bool]


def has(name: str) -> Check:
    return lambda body: name in body


def has_system(body: dict[str, Any]) -> bool:
    return any(message["role"] == "system" for message in body["messages"])


def has_format(kind: str) -> Check:
    return lambda body: (body.get("response_format") or {}).get("type") == kind


REFUSALS: dict[str, tuple[Feature, Check, str]] = {
    "temperature": (
        "temperature",
        has("temperature"),
        "Unsupported value: 'temperature' does not support 0.5. Only the default (1) value is supported.",
    ),
    "top_p": (
        "top_p",
        has("top_p"),
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
    ),
    "max_tokens": (
        "max_tokens",
        has("max_tokens"),
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    ),
    "seed": ("seed", has("seed"), "seed: Extra inputs are not permitted"),
    "system": ("system", has_system, "System role not supported"),
    "alternating": ("system", has_system, "Conversation roles must alternate user/assistant/user/assistant/..."),
    "schema": ("schema", has_format("json_schema"), "json_schema is not supported"),
    "JSON mode": ("json", has_format("json_object"), "This model does not support JSON mode."),
}


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_costs_one_request_a_process(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    feature, is_refused, detail = REFUSALS[name]

    def answer(body: dict[str, Any]) -> Response:
        return fail(400, detail) if is_refused(body) else say("{}")

    request = {"model": "hosted_vllm/mine", "top_p": 0.9, "schema": SCHEMA}
    structured = "json" if feature == "json" else "auto"
    with ModelServer() as server:
        server.answer = answer
        for texts in (ROWS[:20], ROWS):
            replies, usage = ask(
                tmp_path, server.url, ask_system(*texts, **request), structured_output=structured, max_attempts=1
            )
            assert all(isinstance(reply, Reply) for reply in replies)
            assert usage.retries == 0
    assert len(server.bill) == 30
    assert len(server.requests) == 31
    assert [record.levelname for record in caplog.records if "mine takes no" in record.message] == ["WARNING"]


@pytest.mark.usefixtures("transport")
def test_several_refusals_are_learned_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Loading litellm may take longer than the others wait.
    monkeypatch.setattr(dialect, "_ALONE_SECONDS", 60.0)

    def answer(body: dict[str, Any]) -> Response:
        refused = next((detail for _, is_refused, detail in REFUSALS.values() if is_refused(body)), None)
        return fail(400, refused) if refused else say("{}")

    with ModelServer() as server:
        server.answer = answer
        work = ask_system(*ROWS, model="hosted_vllm/mine", top_p=0.9, schema=SCHEMA)
        replies, _ = ask(tmp_path, server.url, work)
    assert all(isinstance(reply, Reply) for reply in replies)
    assert len(server.requests) == 30 + 7
    sent = server.bill[0]
    assert ([turn["role"] for turn in sent["messages"]], sent["max_completion_tokens"]) == (["user"], 64)
    assert not {"temperature", "top_p", "max_tokens", "seed", "response_format"} & set(sent)


@pytest.mark.usefixtures("transport")
def test_a_schema_that_is_refused_leaves_the_others_theirs(tmp_path: Path) -> None:
    odd = {**SCHEMA, "properties": {"persona": {"type": "string", "pattern": "^a"}}}

    def answer(body: dict[str, Any]) -> Response:
        if has_format("json_schema")(body) and "pattern" in str(body["response_format"]):
            return fail(400, "Invalid schema for response_format: 'pattern' is not permitted")
        return say("{}")

    async def work(client: Any) -> Any:
        for schema in (SCHEMA, odd, SCHEMA, odd):
            asked = (make_request(f"{text} {len(server.requests)}", schema=schema) for text in ROWS[:3])
            assert all(isinstance(reply, Reply) for reply in await asyncio.gather(*map(client.ask, asked)))

    with ModelServer() as server:
        server.answer = answer
        ask(tmp_path, server.url, work)
    # Refused are at most those that were sent at once, and odd alone is asked for in another way.
    assert 12 < len(server.requests) <= 12 + 3
    assert [body["response_format"]["type"] for body in server.bill] == (["json_schema"] * 3 + ["json_object"] * 3) * 2


def test_what_was_learned_changes_no_key_and_is_noted(tmp_path: Path) -> None:
    refusal = fail(400, REFUSALS["temperature"][2])
    with ModelServer(refusal) as server:
        (learned,), _ = ask(tmp_path, server.url, ask_all("hi"))
    with ModelServer() as other:
        (cached,), usage = ask(tmp_path, other.url, ask_all("hi"))
    assert isinstance(learned, Reply)
    assert isinstance(cached, Reply)
    assert (usage.cached, cached.key, len(other.requests)) == (1, learned.key, 0)


def test_a_refusal_that_stays_is_the_request_s_own(tmp_path: Path) -> None:
    with ModelServer() as server:
        server.answer = lambda _: fail(400, "Conversation roles must alternate user/assistant")
        (reply,), _ = ask(tmp_path, server.url, ask_system("hi"))
    assert isinstance(reply, RefusedError)
    assert (reply.reason, len(server.requests)) == ("bad_request", 2)


def test_a_slow_first_answer_does_not_hold_the_others_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialect, "_ALONE_SECONDS", 0.1)
    with ModelServer() as server:
        server.answer = lambda _: say("x", delay=0.5)
        began = time.monotonic()
        ask(tmp_path, server.url, ask_all(*ROWS[:8]))
        assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    "problem",
    [
        "temperature: Input should be less than or equal to 1",
        "temperature must be between 0 and 1; 1.5 is not supported",
        "'top_p' of 2 is not allowed: at most 1",
        "max_tokens is too large: 99999. This model supports at most 16384 completion tokens",
        "the seed of the data set was not found",
        "this is a bad request",
    ],
)
def test_a_value_out_of_range_is_not_learned(problem: str) -> None:
    assert write().find_refused(problem) is None


def test_what_was_not_sent_cannot_be_refused() -> None:
    refusal = REFUSALS["max_tokens"][2]
    assert write().find_refused(refusal) == "max_tokens"
    assert write({"max_tokens"}).find_refused(refusal) is None
    assert write(request={"max_tokens": None}).find_refused(refusal) is None


def test_a_system_text_finds_a_user_turn() -> None:
    assert write({"system"}).messages == [{"role": "user", "content": "Be brief.\n\nHello."}]
    assert write({"system"}, {"messages": TOLD[:1]}).messages == [{"role": "user", "content": "Be brief."}]
    turns = [*TOLD, {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "More."}]
    assert [turn["role"] for turn in write({"system"}, {"messages": turns}).messages] == ["user", "assistant", "user"]


def test_an_unset_limit_is_not_sent() -> None:
    for refused in (set(), {"max_tokens"}):
        sent = write(refused, {"max_tokens": None}).parameters
        assert not {"max_tokens", "max_completion_tokens"} & set(sent)


def test_the_seed_is_fixed_by_the_key_and_fits_every_engine() -> None:
    seeds = [derive_seed(f"{number}") for number in range(100)]
    assert seeds == [derive_seed(f"{number}") for number in range(100)]
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert len(set(seeds)) == 100


def ask_system(*texts: str, **request: Any) -> Any:
    async def work(client: Any) -> Any:
        asked = (
            replace(make_request(**request), messages=[TOLD[0], {"role": "user", "content": text}]) for text in texts
        )
        return await asyncio.gather(*map(client.ask, asked), return_exceptions=True)

    return work


def write(refused: set[Any] | None = None, request: dict[str, Any] | None = None) -> Call:
    asked = replace(make_request(), **{"messages": TOLD, **(request or {})})
    return Dialect("openai/m", refused or set()).write(asked, "k")


def test_lengths_of_strings_are_not_sent_and_other_bounds_are() -> None:
    schema = {
        "type": "object",
        "properties": {
            "maxLength": {
                "type": "string",
                "maxLength": 12_000,
                "minLength": 1,
                "description": "A field of this name.",
            },
            "kinds": {"type": "array", "items": {"type": "string", "maxLength": 40, "enum": ["a"]}, "maxItems": 3},
            "age": {"type": "integer", "maximum": 120},
        },
    }
    request = replace(make_request("hi"), schema=schema)
    sent = Dialect("hosted_vllm/x").write(request, "key", "schema").parameters["response_format"]
    assert sent["json_schema"]["schema"] == {
        "type": "object",
        "properties": {
            "maxLength": {"type": "string", "description": "A field of this name."},
            "kinds": {"type": "array", "items": {"type": "string", "enum": ["a"]}, "maxItems": 3},
            "age": {"type": "integer", "maximum": 120},
        },
    }
    assert request.schema == schema
