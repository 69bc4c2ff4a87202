"""The embedded model as a litellm provider: `embedded/NAME` beside every other model."""

import asyncio
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from persona_assets.llm.embedded import get_embedded_model
from persona_assets.llm.generation import Generation, GenerationOptions, InvalidRequestError, PromptTooLongError

PROVIDER = "embedded"
DEFAULT_CONTEXT_TOKENS = 4_096
DEFAULT_MAX_TOKENS = 512


def register_embedded_provider() -> None:
    """Make litellm answer `embedded/...` in process; a second call changes nothing.

    The answer's `choices[0].finish_reason` is stop or length. One that ran in circles and was stopped says
    `stop` there and `loop` in `choices[0].provider_specific_fields["stopped_by"]`. Beside the usual parameters
    (temperature, top_p, seed, max_tokens, stop, response_format) it takes `context_tokens` and `repetition_penalty`.
    """
    import litellm
    from litellm.utils import custom_llm_setup

    if all(entry["provider"] != PROVIDER for entry in litellm.custom_provider_map):
        litellm.custom_provider_map.append({"provider": PROVIDER, "custom_handler": _make_handler()})
        custom_llm_setup()
    # litellm makes a call in one step and awaits it in the next. A run that is stopped in between has lost nothing.
    never_awaited = r"coroutine '.*EmbeddedLLM\.acompletion' was never awaited"
    warnings.filterwarnings("ignore", never_awaited, RuntimeWarning)


def read_options(parameters: Mapping[str, Any]) -> GenerationOptions:
    """Read litellm's parameters of a call.

    Args:
        parameters: its `optional_params`.

    Returns:
        The same for the engine; what is missing has the engine's defaults, and 512 tokens at most.

    Raises:
        InvalidRequestError: if the response format is none that is known.
    """
    stop = parameters.get("stop") or ()
    limit = parameters.get("max_completion_tokens") or parameters.get("max_tokens") or DEFAULT_MAX_TOKENS
    temperature, top_p = parameters.get("temperature"), parameters.get("top_p")
    return GenerationOptions(
        temperature=1.0 if temperature is None else float(temperature),
        top_p=1.0 if top_p is None else float(top_p),
        seed=parameters.get("seed"),
        max_tokens=int(limit),
        json_schema=_read_schema(parameters.get("response_format")),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        repetition_penalty=float(parameters.get("repetition_penalty") or 1.0),
    )


def _read_schema(response_format: Any) -> Mapping[str, Any] | None:
    match response_format:
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return {}
        case {"type": "json_schema", "json_schema": {"schema": Mapping() as schema}}:
            return schema
    raise InvalidRequestError(
        f"response_format: {response_format!r} is none of text, json_object, json_schema with a schema."
    )


async def _answer(
    model: str, messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any], timeout: float | None
) -> Generation:
    context = int(parameters.get("context_tokens") or DEFAULT_CONTEXT_TOKENS)
    options = read_options(parameters)
    # Loading takes seconds, and whoever else runs on the event loop should not wait for it.
    engine = await asyncio.to_thread(get_embedded_model, model, context)
    async with asyncio.timeout(timeout):
        return await asyncio.wrap_future(engine.submit(messages, options))


@cache
def _make_handler() -> Any:
    import litellm

    class EmbeddedLLM(litellm.CustomLLM):  # type: ignore[misc]
        """Hands litellm's calls to the engine."""

        async def acompletion(self, *_: Any, **call: Any) -> Any:
            model, timeout = call["model"], _read_seconds(call.get("timeout"))
            try:
                answer = await _answer(model, call["messages"], call["optional_params"], timeout)
            except PromptTooLongError as error:
                raise litellm.ContextWindowExceededError(str(error), model, PROVIDER) from error
            except InvalidRequestError as error:
                raise litellm.BadRequestError(str(error), model, PROVIDER) from error
            except TimeoutError as error:
                raise litellm.Timeout(f"no answer within {timeout} seconds", model, PROVIDER) from error
            return _fill_response(call["model_response"], model, answer)

        def completion(self, *_: Any, **call: Any) -> Any:
            return asyncio.run(self.acompletion(**call))

    return EmbeddedLLM()


def _read_seconds(timeout: Any) -> float | None:
    return timeout if isinstance(timeout, int | float) else None


def _fill_response(response: Any, model: str, answer: Generation) -> Any:
    import litellm

    choice = response.choices[0]
    choice.message.content = answer.text
    choice.finish_reason = "stop" if answer.finish_reason == "loop" else answer.finish_reason
    if answer.finish_reason == "loop":
        choice.provider_specific_fields = {"stopped_by": "loop"}
    response.model = f"{PROVIDER}/{model}"
    total = answer.prompt_tokens + answer.completion_tokens
    usage = litellm.Usage(
        prompt_tokens=answer.prompt_tokens, completion_tokens=answer.completion_tokens, total_tokens=total
    )
    response.usage = usage
    response._hidden_params["response_cost"] = 0.0
    return response
