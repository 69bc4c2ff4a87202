"""What a server does not take of a request: learned from its refusal once a process, and then asked otherwise."""

import asyncio
import functools
import json
import logging
import re
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from persona_assets.llm.request import ChatRequest
from persona_assets.prompts import Message

JsonFormat = Literal["schema", "json", "none"]
Feature = Literal["schema", "json", "max_tokens", "top_p", "temperature", "seed", "system"]

_FORMATS: Final[tuple[JsonFormat, ...]] = ("schema", "json", "none")
"""How JSON is asked for: by its schema, by JSON mode, or by the words of the prompt alone. The next is tried where a
server refuses one."""

_SAID: Final[dict[Feature, str]] = {
    "schema": "no JSON schema: JSON is asked for without one",
    "json": "no JSON mode: JSON is asked for in the words of the prompt alone",
    "max_tokens": "no max_tokens: max_completion_tokens is sent instead",
    "top_p": "no top_p: it is left out",
    "temperature": "no temperature: it is left out",
    "seed": "no seed: it is left out",
    "system": "no system message: its text is put before the first user turn",
}

_LENGTHS: Final = frozenset({"minLength", "maxLength"})
_FORMAT_SIGN = re.compile(r"response_format|json_schema|json_object|json mode|grammar|guided|structured.output", re.I)

_SIGNS: Final[dict[Feature, re.Pattern[str]]] = {
    "schema": _FORMAT_SIGN,
    "json": _FORMAT_SIGN,
    "max_tokens": re.compile(r"\bmax_tokens\b"),
    # Before the temperature: of both together it is the one that can be spared.
    "top_p": re.compile(r"\btop_p\b"),
    "temperature": re.compile(r"\btemperature\b"),
    "seed": re.compile(r"\bseed\b"),
    "system": re.compile(
        r"system.{0,3}(?:role|message|prompt|instruction)|role\W+system|developer inst|roles must", re.I
    ),
}
"""What a refusal calls a feature."""

_REFUSAL = re.compile(
    r"unsupported|(?:not|n['’]t) (?:be )?(?:support|permit|allow|enabl|accept|availab)|only the default|cannot both"
    r"|unknown|unrecogni[sz]ed|unexpected|deprecated|must alternate|extra (?:field|input)",
    re.IGNORECASE,
)  # fmt: skip
"""Words of a refusal, told from those of `_RANGE`."""

_RANGE = re.compile(
    r"between|(?:less|greater|more|higher|lower) than|at (?:most|least)|range|too \w+|m(?:ax|in)imum", re.I
)
"""A value that is out of range is for the user to correct."""

_SEEDED = frozenset({"embedded", "hosted_vllm", "ollama", "ollama_chat", "recorded", "scripted"})
"""Providers that take a seed; elsewhere an unknown parameter can be an error."""

_ALONE_SECONDS = 2.0
"""Seconds for which the first request of its kind goes alone: servers refuse a parameter before they generate."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """A request as its server is sent it.

    Attributes:
        parameters: those that are set, by OpenAI's names.
        features: what of it a server may refuse.
        asked_by: how JSON is asked for, if it is.
        schema: its JSON schema, written in one way only; empty without one.
    """

    messages: list[Message]
    parameters: dict[str, Any]
    features: frozenset[Feature]
    asked_by: JsonFormat | None = None
    schema: str = ""

    def find_refused(self, problem: str) -> Feature | None:
        """Find the feature of this call that a server's error says it does not take."""
        is_refusal = _REFUSAL.search(problem) is not None and not _RANGE.search(problem)
        for feature, sign in _SIGNS.items():
            if feature in self.features and sign.search(problem) and (is_refusal or feature == self.asked_by):
                return feature
        return None


@dataclass(slots=True)
class Dialect:
    """What one server takes of requests to one model.

    Attributes:
        taken: features that stood in a request that it answered.
        refused_schemas: JSON schemas that it does not take, while it takes others.
    """

    model: str
    refused: set[Feature] = field(default_factory=set)
    taken: set[Feature] = field(default_factory=set)
    refused_schemas: set[str] = field(default_factory=set)

    def write(self, request: ChatRequest, key: str, structured_output: Literal["auto"] | JsonFormat = "auto") -> Call:
        """Write a request as the server takes it."""
        schema = "" if request.schema is None else json.dumps(request.schema, sort_keys=True)
        asked_by = self._choose_format(structured_output, schema) if schema else None
        parameters: dict[str, Any] = {
            "temperature": request.temperature,
            "top_p": request.top_p,
            "max_tokens": request.max_tokens,
            "seed": derive_seed(key) if request.model.split("/")[0] in _SEEDED else None,
        }
        sent = {name: value for name, value in parameters.items() if value is not None and name not in self.refused}
        features: set[Any] = {*sent, *([asked_by] if asked_by in {"schema", "json"} else [])}
        if "max_tokens" in self.refused and request.max_tokens is not None:
            sent["max_completion_tokens"] = request.max_tokens
        if (response_format := _write_format(request, asked_by)) is not None:
            sent["response_format"] = response_format
        messages = list(request.messages)
        if any(message["role"] == "system" for message in messages):
            if "system" in self.refused:
                messages = _merge_system(messages)
            else:
                features.add("system")
        return Call(messages, sent, frozenset(features), asked_by, schema)

    def learn(self, call: Call, feature: Feature, detail: str) -> None:
        """Note, and log, what of a call the server does not take: of JSON schemas this one alone, if it took others."""
        if feature == "schema" and feature in self.taken:
            if call.schema not in self.refused_schemas:
                self.refused_schemas.add(call.schema)
                _log.warning("%s does not take one of the JSON schemas. It said: %s", self.model, detail)
        elif feature not in self.refused:
            self.refused.add(feature)
            _log.warning("%s takes %s. It said: %s", self.model, _SAID[feature], detail)

    @asynccontextmanager
    async def open(self, alone: asyncio.Lock, write: Callable[[], Call]) -> AsyncIterator[Call]:
        """Write a call when its time has come: while something of it is untried, one goes ahead of the others.

        `write` writes the call by what is known at that moment.
        """
        call = write()
        if call.features <= self.taken:
            yield call
            return
        goes_ahead = await _acquire(alone)
        # What was learned meanwhile counts.
        call = write()
        if goes_ahead and call.features <= self.taken:
            alone.release()
            goes_ahead = False
        try:
            yield call
            self.taken |= call.features
        finally:
            if goes_ahead:
                alone.release()

    def _choose_format(self, strongest: Literal["auto"] | JsonFormat, schema: str) -> JsonFormat:
        ways = _FORMATS if strongest == "auto" else _FORMATS[_FORMATS.index(strongest) :]
        refused = {*self.refused, *(["schema"] if schema in self.refused_schemas else [])}
        return next(way for way in ways if way == "none" or way not in refused)


@functools.cache
def find_dialect(model: str, api_base: str | None) -> Dialect:
    """Find what is known of a model at an address, the same for all clients of the process."""
    return Dialect(model)


def derive_seed(key: str) -> int:
    """The sampling seed of a request: fixed by its content, so that a local model repeats itself."""
    return zlib.crc32(key.encode()) & 0x7FFFFFFF


async def _acquire(lock: asyncio.Lock) -> bool:
    try:
        async with asyncio.timeout(_ALONE_SECONDS):
            return await lock.acquire()
    except TimeoutError:
        return False


def _write_format(request: ChatRequest, kind: JsonFormat | None) -> dict[str, Any] | None:
    if kind is None or kind == "none":
        return None
    if kind == "json":
        return {"type": "json_object"}
    named = {"name": request.task or "answer", "schema": _without_lengths(dict(request.schema or {}))}
    return {"type": "json_schema", "json_schema": named}


def _without_lengths(part: Any) -> Any:
    """Leave the lengths of strings out of a schema: they are checked when the answer is read.

    A grammar engine writes out every character up to a `maxLength` (minutes for one of thousands), and OpenAI's
    strict schemas have none.
    """
    if isinstance(part, list):
        return [_without_lengths(one) for one in part]
    if not isinstance(part, dict):
        return part
    is_text = part.get("type") == "string"
    return {key: _without_lengths(value) for key, value in part.items() if not (is_text and key in _LENGTHS)}


def _merge_system(messages: Sequence[Message]) -> list[Message]:
    told = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    turns = [message for message in messages if message["role"] != "system"]
    if turns and turns[0]["role"] == "user":
        return [{"role": "user", "content": f"{told}\n\n{turns[0]['content']}"}, *turns[1:]]
    return [{"role": "user", "content": told}, *turns]
