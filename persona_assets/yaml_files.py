"""YAML files that people write, read into a model; what is wrong is named by file, line and key."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from persona_assets.errors import PromptError

M = TypeVar("M", bound=BaseModel)

# The parser in C, where PyYAML was built with it: in Python the prompts take half of the code location's start.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> tuple[bytes, Any]:
    """Read a YAML file: its bytes and what they say, {} for an empty file; PromptError if it cannot be read."""
    try:
        source = path.read_bytes()
        return source, yaml.load(source, _LOADER) or {}  # noqa: S506 - both are safe loaders
    except FileNotFoundError:
        raise PromptError(f"The prompt file {path} is missing. Restore it or set paths.prompts.") from None
    except OSError as error:
        raise PromptError(f"{path} cannot be read: {error.strerror}. Correct it or set paths.prompts.") from None
    except yaml.YAMLError as error:
        raise PromptError(f"{path} is no valid YAML: {' '.join(str(error).split())}.") from None


def validate_yaml(path: Path, source: bytes, values: Any, model: type[M]) -> M:
    """Validate what a YAML file says; PromptError with key and line of each thing that is wrong.

    Args:
        source: the file's bytes, to find the lines.
        values: what it says, perhaps with the contents of other files put in.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        issues = "; ".join(_describe(source, issue["loc"], issue["msg"]) for issue in error.errors())
        raise PromptError(f"{path} is not well formed. {issues}.") from None


def find_line(source: bytes, location: Sequence[str | int]) -> int:
    """The line, from 1, of a key path in a YAML file; of the nearest key above it where it is not there."""
    node, line = yaml.compose(source.decode(errors="replace"), Loader=yaml.SafeLoader), 1
    for part in location:
        if (found := _step_into(node, part)) is None:
            break
        line, node = found
    return line


def _step_into(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None


def _describe(source: bytes, location: Sequence[str | int], message: str) -> str:
    key = ".".join(map(str, location)) or "the file"
    return f"{key} (line {find_line(source, location)}): {message}"
