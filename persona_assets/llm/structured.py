"""Structured answers in tiers: constrained or clean JSON, repaired JSON, a second ask, quarantine."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from persona_assets.prompts import Message

Tier = Literal["clean", "repaired"]


class MalformedError(Exception):
    """The text is not the JSON that was asked for; the message says why, for the second ask."""


def answer_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of an answer, as constrained decoders want it: closed, every field required, no references."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    plain: dict[str, Any] = _write_out(schema, definitions)
    return plain


def _write_out(part: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(part, list):
        return [_write_out(one, definitions) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        named = definitions[part["$ref"].rpartition("/")[2]]
        return _write_out({**named, **{key: value for key, value in part.items() if key != "$ref"}}, definitions)
    fields = part.get("properties", {})
    written = {key: _write_out(value, definitions) for key, value in part.items() if key not in {"title", "default"}}
    if fields:
        # A field may be called title.
        properties = {name: _write_out(value, definitions) for name, value in fields.items()}
        written |= {"properties": properties, "required": list(fields), "additionalProperties": False}
    return written


def parse_answer(text: str, model: type[BaseModel]) -> tuple[dict[str, Any], Tier]:
    """Read a JSON answer, leniently; MalformedError when no object with these fields can be read from it."""
    clean = _load(json.loads, text)
    if clean is not None:
        return _validate(clean, model), "clean"
    import json_repair

    start = text.find("{")
    repaired = None if start < 0 else _load(json_repair.loads, text[start:])
    if repaired is None:
        raise MalformedError("there is no JSON object in the answer")
    return _validate(repaired, model), "repaired"


def correction(text: str, problem: str) -> tuple[Message, Message]:
    """The turns that ask again, with what was wrong."""
    again = f"That does not fit: {problem}. Answer again with the corrected JSON object alone."
    return {"role": "assistant", "content": text}, {"role": "user", "content": again}


def _load(read: Callable[[str], Any], text: str) -> dict[str, Any] | None:
    try:
        value = read(text)
    except (ValueError, RecursionError):
        # Beside bad JSON: a number of thousands of digits, thousands of brackets.
        return None
    return value if isinstance(value, dict) else None


def _validate(values: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    try:
        return model.model_validate(values).model_dump()
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, issue['loc']))}: {issue['msg']}" for issue in error.errors()]
        raise MalformedError("; ".join(problems)[:500]) from None
