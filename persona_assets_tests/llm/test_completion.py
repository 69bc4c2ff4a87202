"""What is read out of a response: reasoning is never the answer, and odd counts break nothing."""

from typing import Any

import pytest

from persona_assets.llm.completion import count_tokens, read_text


def body(content: Any, finish_reason: Any = "stop", choice: Any = None, **message: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": content, **message}, "finish_reason": finish_reason, **(choice or {})}]}


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (body("hello"), ("hello", "stop")),
        (body("hel", "length"), ("hel", "length")),
        (body("hello", "eos"), ("hello", "stop")),
        (body("hello", None), ("hello", "stop")),
        (body("hello", ["stop"]), ("hello", "stop")),
        (body(None), ("", "stop")),
        ({"choices": [{"message": {}}]}, ("", "stop")),
        (body(["parts"]), ("", "stop")),
        (body([{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]), ("in parts", "stop")),
        (body(42), ("", "stop")),
        (body(None, refusal="I will not"), ("I will not", "content_filter")),
        (body(None, provider_specific_fields={"refusal": "I will not"}), ("I will not", "content_filter")),
        (body("half \ud83d"), ("half ?", "stop")),
    ],
)
def test_text_and_finish_reason_are_read(response: dict[str, Any], expected: tuple[str, str]) -> None:
    answer = read_text(response)
    assert (answer.text, answer.reason, answer.reasoning) == (*expected, "")


@pytest.mark.parametrize(
    "response",
    [
        body("An answer.", reasoning_content="Hm."),
        body("An answer.", reasoning="Hm."),
        body([{"thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "An answer."}]),
        body("<think>Hm.</think>An answer."),
        body("\n<think>\nHm.\n</think>\n\nAn answer."),
        body("<thinking>Hm.</thinking> An answer."),
        body("<thought>\nHm.\n</thought>\nAn answer."),
        body("<seed:think>Hm.</seed:think>An answer."),
        body("Hm.\n</think>\n\nAn answer."),
        body("<|channel|>analysis<|message|>Hm.<|channel|>final<|message|>An answer."),
    ],
)  # fmt: skip
def test_reasoning_is_kept_apart_from_the_answer(response: dict[str, Any]) -> None:
    answer = read_text(response)
    assert (answer.text, answer.reasoning, answer.reason) == ("An answer.", "Hm.", "stop")


@pytest.mark.parametrize("reason", ["length", "stop"])
@pytest.mark.parametrize(
    "response",
    [body("<think>\nHm, well"), body("", reasoning_content="Hm, well"), body(None, reasoning="Hm, well")],
    ids=["unclosed", "field", "other field"],
)
def test_reasoning_without_an_answer_is_no_answer(response: dict[str, Any], reason: str) -> None:
    response["choices"][0]["finish_reason"] = reason
    answer = read_text(response)
    assert (answer.text, answer.reasoning, answer.reason) == ("", "Hm, well", reason)


@pytest.mark.parametrize(
    "text", ["Write <think> and </think> around it.", "First <thought>this</thought>, then.", '{"mark": "<think>"}']
)  # fmt: skip
def test_an_answer_that_writes_of_the_marks_is_left_alone(text: str) -> None:
    assert read_text(body(text)).text == text


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 11, "completion_tokens": 7}, (11, 7)),
        ({"prompt_tokens": "11", "completion_tokens": 7.5}, (11, 7)),
        ({"prompt_tokens": None, "completion_tokens": -3}, (0, 0)),
        ({"prompt_tokens": "many", "completion_tokens": float("inf")}, (0, 0)),
        ([11, 7], (0, 0)),
        (None, (0, 0)),
    ],
)
def test_tokens_are_counted_whatever_the_server_sends(usage: Any, expected: tuple[int, int]) -> None:
    assert count_tokens({"usage": usage}) == expected
