"""How JSON is asked for: by its schema, by JSON mode, or by the words of the prompt alone."""

from typing import Any, Final, Literal

from persona_assets.llm.request import ChatRequest

JsonFormat = Literal["schema", "json", "none"]

NEXT_FORMAT: Final[dict[JsonFormat, JsonFormat]] = {"schema": "json", "json": "none"}
"""What is tried where a provider refuses a way."""


def write_format(request: ChatRequest, kind: JsonFormat | None) -> dict[str, Any] | None:
    """Write litellm's `response_format` of a request; None where the words of the prompt have to do."""
    if kind is None or kind == "none":
        return None
    if kind == "json":
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": request.task or "answer", "schema": dict(request.schema or {})},
    }
