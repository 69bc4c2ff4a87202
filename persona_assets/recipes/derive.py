"""The columns that a recipe derives from its rows, by the names that a file may use."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from persona_assets.recipes.tools import EXAMPLE_FIELDS, INTERFACE_FIELDS, describe_function

Row = Mapping[str, Any]


def openai_function(values: Row, _: Row) -> str:
    """The tool as an OpenAI function-calling schema, in JSON."""
    return json.dumps(describe_function(values), ensure_ascii=False)


def tool_interface(_: Row, source: Row) -> str:
    """The interface that was read, with its example, in JSON."""
    examples = [name for name in EXAMPLE_FIELDS if name in source]
    return json.dumps({name: source[name] for name in (*INTERFACE_FIELDS, *examples)}, ensure_ascii=False)


DERIVED: dict[str, Callable[[Row, Row], str]] = {one.__name__: one for one in (openai_function, tool_interface)}
"""Each takes the values of an answer and the row that was read."""
