"""The embedded model through litellm: what is asked arrives, and what comes back is litellm's."""

import asyncio
import gc
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from persona_assets.errors import ModelError
from persona_assets.llm import embedded_provider
from persona_assets.llm.embedded import EmbeddedModel
from persona_assets.llm.embedded_provider import PROVIDER, register_embedded_provider
from persona_assets.llm.generation import Generation, GenerationOptions
from persona_assets_tests.llm.conftest import CONTEXT_TOKENS, EMBEDDED_NAME

CHAT = [{"role": "user", "content": "Describe a person."}]
SCHEMA = {"type": "object", "properties": {"job": {"enum": ["baker", "sailor"]}}, "required": ["job"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}


class _Recorder:
    """Stands where the engine stands, and keeps what it was asked."""

    def __init__(self, answer: Generation | Exception) -> None:
        self.answer = answer
        self.names: list[tuple[str, int]] = []
        self.options: list[GenerationOptions] = []

    def find(self, name: str, context_tokens: int) -> "_Recorder":
        self.names.append((name, context_tokens))
        return self

    def submit(self, messages: Sequence[Mapping[str, Any]], options: GenerationOptions) -> "Future[Generation]":
        self.options.append(options)
        future: Future[Generation] = Future()
        if isinstance(self.answer, Exception):
            future.set_exception(self.answer)
        else:
            future.set_result(self.answer)
        return future


def ask(**parameters: Any) -> Any:
    import litellm

    register_embedded_provider()
    return asyncio.run(litellm.acompletion(**{"messages": CHAT, "num_retries": 0, "drop_params": True, **parameters}))


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> _Recorder:
    recorder = _Recorder(Generation("to be to be", "loop", 7, 48))
    monkeypatch.setattr(embedded_provider, "get_embedded_model", recorder.find)
    return recorder


@pytest.mark.parametrize(
    "name", [EMBEDDED_NAME, "/abs/some folder/m.gguf", "a/b/m.gguf", "~/m.gguf", "Own-er/Re.po:m.gguf"]
)
def test_every_kind_of_name_passes_through(name: str, recorder: _Recorder) -> None:
    ask(model=f"embedded/{name}")
    assert recorder.names == [(name, 4_096)]


def test_every_parameter_arrives(recorder: _Recorder) -> None:
    ask(
        model="embedded/m.gguf", temperature=0, top_p=0.9, seed=11, max_tokens=33, stop=["a", "b"],
        response_format=FORMAT, repetition_penalty=1.1, context_tokens=777,
    )  # fmt: skip
    assert recorder.names == [("m.gguf", 777)]
    assert recorder.options == [
        GenerationOptions(
            temperature=0.0,
            top_p=0.9,
            seed=11,
            max_tokens=33,
            json_schema=SCHEMA,
            stop=("a", "b"),
            repetition_penalty=1.1,
        )
    ]


def test_a_loop_can_be_told_from_a_stop(recorder: _Recorder) -> None:
    response = ask(model="embedded/m.gguf")
    assert response.choices[0].finish_reason == "stop"
    assert response.model_dump()["choices"][0]["provider_specific_fields"] == {"stopped_by": "loop"}


def test_an_unusable_model_stays_a_model_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Exception, match="does not exist") as raised:
        ask(model="embedded//nowhere/m.gguf")
    chain: list[BaseException] = [raised.value]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(inner)
    assert any(isinstance(error, ModelError) for error in chain)


def test_an_answer_that_takes_too_long_is_a_timeout(recorder: _Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    import litellm

    pending: Future[Generation] = Future()
    monkeypatch.setattr(recorder, "submit", lambda *_: pending)
    with pytest.raises(litellm.Timeout):
        ask(model="embedded/m.gguf", timeout=0.05)
    assert pending.cancelled()


def test_the_real_model_answers_through_litellm(embedded_model: EmbeddedModel) -> None:
    import litellm

    model = f"embedded/{EMBEDDED_NAME}"
    response = ask(
        model=model, temperature=0.5, seed=3, max_tokens=20, response_format=FORMAT, context_tokens=CONTEXT_TOKENS
    )
    assert json.loads(response.choices[0].message.content)["job"] in {"baker", "sailor"}
    assert response.choices[0].finish_reason == "stop"
    assert response.usage.prompt_tokens > 10
    assert response.usage.total_tokens == response.usage.prompt_tokens + response.usage.completion_tokens
    assert response._hidden_params["response_cost"] == 0
    cut = ask(model=model, max_tokens=2, context_tokens=CONTEXT_TOKENS)
    assert cut.choices[0].finish_reason == "length"
    with pytest.raises(litellm.ContextWindowExceededError, match="context"):
        ask(
            model=model, messages=[{"role": "user", "content": "word " * CONTEXT_TOKENS}], context_tokens=CONTEXT_TOKENS
        )
    with pytest.raises(litellm.BadRequestError, match="json_schema"):
        wrong = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nonsense"}}}
        ask(model=model, response_format=wrong, context_tokens=CONTEXT_TOKENS)


def test_the_model_also_answers_without_an_event_loop(embedded_model: EmbeddedModel) -> None:
    import litellm

    register_embedded_provider()
    response = litellm.completion(
        model=f"embedded/{Path(embedded_model._path)}", messages=CHAT, max_tokens=4, context_tokens=CONTEXT_TOKENS
    )
    assert response.choices[0].message.content


def test_a_run_that_is_stopped_warns_of_no_call_that_was_not_sent() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        register_embedded_provider()
        import litellm

        (handler,) = (entry["custom_handler"] for entry in litellm.custom_provider_map if entry["provider"] == PROVIDER)
        handler.acompletion()
        gc.collect()
    # What other tests left behind may be collected here, too.
    assert [said for said in (str(warning.message) for warning in seen) if "acompletion" in said] == []
