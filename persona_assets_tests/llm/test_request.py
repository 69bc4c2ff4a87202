"""The key of a request: what decides the reply is in it, what does not is not."""

from dataclasses import replace
from typing import Any

import pytest

from persona_assets.llm.request import ChatRequest

REQUEST = ChatRequest(
    "openai/m",
    [{"role": "user", "content": "hi"}],
    temperature=0.5,
    max_tokens=100,
    top_p=0.9,
    schema={"type": "object"},
    sample=1,
    task="task",
    shard="shard",
    prompt_hash="v1",
)


def key(**changes: Any) -> str:
    return replace(REQUEST, **changes).content_key("openai/m")


@pytest.mark.parametrize(
    "changes",
    [
        {"messages": [{"role": "user", "content": "ho"}]},
        {"messages": [{"role": "system", "content": "hi"}]},
        {"temperature": 0.6},
        {"top_p": None},
        {"schema": None},
        {"sample": 2},
    ],
)
def test_what_decides_the_reply_changes_the_key(changes: dict[str, Any]) -> None:
    assert key(**changes) != key()


@pytest.mark.parametrize(
    "changes",
    [{"max_tokens": 5}, {"task": "x"}, {"shard": "x"}, {"prompt_hash": "x"}, {"model": "openai/alias"}],
)
def test_what_does_not_leaves_it(changes: dict[str, Any]) -> None:
    assert key(**changes) == key()


def test_the_model_is_in_the_key_by_its_identity() -> None:
    assert REQUEST.content_key("embedded:sha256:1") != REQUEST.content_key("embedded:sha256:2")


def test_equal_numbers_and_equal_schemas_are_one_question() -> None:
    assert key(temperature=1) == key(temperature=1.0)
    assert key(top_p=1) == key(top_p=1.0)
    assert key(schema={"a": 1, "b": 2}) == key(schema={"b": 2, "a": 1})


def test_half_a_surrogate_pair_has_a_key_too() -> None:
    assert len(key(messages=[{"role": "user", "content": "\ud83d"}])) == 64


def test_the_key_is_the_same_on_every_machine() -> None:
    assert key() == "2a1222092c1f52ff53dac57fc4ac88515ffd549e3e8380ea065db3bafb1994de"


def test_a_request_is_extended_not_changed() -> None:
    longer = REQUEST.with_turns({"role": "assistant", "content": "ho"})
    assert [message["content"] for message in longer.messages] == ["hi", "ho"]
    assert [message["content"] for message in REQUEST.messages] == ["hi"]
    assert REQUEST.with_sample(7).sample == 7
