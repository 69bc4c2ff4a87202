"""A JSON schema as a regular expression for compact JSON, to constrain a small model by.

The engine takes JSON schemas itself, but lets white space run on between any two tokens, where a small model loses
itself, and counts long strings character by character, a hundred times slower than free text. This expression
leaves no choice but the content: one line, the declared properties in order, `": "` and `", "` between them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from persona_assets.llm.generation import InvalidRequestError

CHARACTER = r'(?:[^"\\\x00-\x1f]|\\["\\/bfnrt])'
_WORD_CHARACTER = r'(?:[^" \\\x00-\x1f]|\\["\\/bfnrt])'
_FRACTION = r"(?:\.[0-9]{1,6})?"
# The engine compiles and masks counted repetitions quickly up to here; beyond, a step takes seconds.
_LONGEST_COUNTED = 100
_MOST_WORDS = 80
_CHARACTERS_A_WORD = 8
_MOST_CHOICES = 200
_DEEPEST = 12
_FREE_DEPTH = 2
# One sign that stands for itself: not followed by a count, which could leave it out.
_LITERAL = re.compile(r"(?:\\[^\w\s]|[^\\.^$*+?{}\[\]|()])(?![*+?{])")
# What has no say in the structure: escaped signs and classes of signs; and a group that has no other within.
_CLOSED = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]")
_GROUP = re.compile(r"\([^()]*\)")
_READ = {
    "type", "const", "enum", "properties", "required", "additionalProperties", "items", "minItems", "maxItems",
    "minLength", "maxLength", "pattern", "minimum", "maximum", "anyOf", "oneOf", "$ref", "$defs", "definitions",
}  # fmt: skip
_ANNOTATIONS = {
    "title", "description", "default", "examples", "$schema", "$id", "$comment", "format", "uniqueItems", "deprecated",
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
}  # fmt: skip
_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")


class SchemaError(InvalidRequestError):
    """A JSON schema that the embedded model cannot be held to."""


def to_regex(schema: Mapping[str, Any]) -> str:
    r"""Write a JSON schema as a regular expression without look-around, anchors or references.

    What matches is JSON that follows the schema, with three liberties: a string of more than 100 characters is
    limited in words (an eighth of `maxLength`), not characters; `pattern` goes before the lengths; and the number
    limits of ranges wider than 200 hold in digits. `format`, `uniqueItems`, `multipleOf` and exclusive limits are
    not enforced: check the answer.

    Args:
        schema: the schema; every declared property is written, required or not, so that rows are complete.

    Returns:
        The expression.

    Raises:
        SchemaError: naming the keyword that is wrong or not supported.
    """
    return _write(schema, schema, 0)


def split_literal(expression: str) -> tuple[str, str]:
    """Split an expression of `to_regex` into the text that every match begins with, and the expression of the rest.

    A model that is made to write given text letter by letter falls out of its words; one that finds it written goes on.

    Args:
        expression: the expression.

    Returns:
        The text, without white space at its end, for models write a space and the word behind it as one; and what
        follows it, never empty.
    """
    literal, rest = "", expression
    while match := _LITERAL.match(rest):
        # Something must be left to write.
        if match.end() == len(rest):
            break
        literal, rest = literal + match[0][-1], rest[match.end() :]
    spaces = len(literal) - len(literal.rstrip(" "))
    return literal.rstrip(" "), " " * spaces + rest


def write_any_object() -> str:
    """The expression of any JSON object, nested two deep at most."""
    return _write_free_object(_FREE_DEPTH)


def _write(schema: Any, root: Mapping[str, Any], depth: int) -> str:
    if not isinstance(schema, Mapping):
        raise SchemaError(f"json_schema: expected an object that describes a value, got {schema!r}.")
    if depth > _DEEPEST:
        raise SchemaError("json_schema: it is nested too deeply, or refers to itself.")
    unknown = set(schema) - _READ - _ANNOTATIONS
    if unknown:
        raise SchemaError(f"json_schema: the embedded model does not know the keywords {', '.join(sorted(unknown))}.")
    if "$ref" in schema:
        return _write(_follow(schema["$ref"], root), root, depth + 1)
    if "const" in schema:
        return _write_literal(schema["const"])
    if "enum" in schema:
        return _choose([_write_literal(value) for value in _expect_list(schema, "enum")])
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return _choose([_write(option, root, depth + 1) for option in _expect_list(schema, keyword)])
    kinds = schema.get("type", "object" if "properties" in schema else None)
    if isinstance(kinds, list):
        return _choose([_write_type(kind, schema, root, depth) for kind in kinds])
    return _write_type(kinds, schema, root, depth)


def _write_type(kind: Any, schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> str:
    match kind:
        case "object":
            return _write_object(schema, root, depth)
        case "array":
            return _write_array(schema, root, depth)
        case "string":
            return _write_string(schema)
        case "integer" | "number":
            return _write_number(schema, "" if kind == "integer" else _FRACTION)
        case "boolean" | "null" | None:
            return {"boolean": "(?:true|false)", "null": "null", None: _write_free_value(_FREE_DEPTH)}[kind]
    raise SchemaError(f"json_schema: type {kind!r} is none of {', '.join(_TYPES)}.")


def _write_object(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> str:
    properties = schema.get("properties") or {}
    missing = [name for name in schema.get("required", []) if name not in properties]
    if not isinstance(properties, Mapping) or missing:
        raise SchemaError(f"json_schema: required names {', '.join(missing)}, which properties does not describe.")
    if not properties:
        return _write_free_object(_FREE_DEPTH)
    members = [f"{_write_literal(name)}: {_write(value, root, depth + 1)}" for name, value in properties.items()]
    return r"\{" + ", ".join(members) + r"\}"


def _write_array(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> str:
    item = _write(schema["items"], root, depth + 1) if "items" in schema else _write_free_value(_FREE_DEPTH - 1)
    least, most = _read_limits(schema, "minItems", "maxItems")
    if most == 0:
        return r"\[\]"
    more = f"{item}(?:, {item}){_count(max(least - 1, 0), None if most is None else most - 1)}"
    return rf"\[{more}\]" if least else rf"\[(?:{more})?\]"


def _write_string(schema: Mapping[str, Any]) -> str:
    if "pattern" in schema:
        pattern = _write_pattern(schema["pattern"])
        return f'"(?:{pattern})"' if _is_choice(pattern) else f'"{pattern}"'
    least, most = _read_limits(schema, "minLength", "maxLength")
    if most is not None and most <= _LONGEST_COUNTED:
        return f'"{CHARACTER}{_count(least, most)}"'
    if most is None:
        # A long least length is counted as far as it costs nothing.
        return f'"{CHARACTER}{_count(min(least, _LONGEST_COUNTED), None)}"'
    words = most // _CHARACTERS_A_WORD
    if words > _MOST_WORDS:
        return f'"{CHARACTER}{_count(min(least, _LONGEST_COUNTED), None)}"'
    few = min(least // _CHARACTERS_A_WORD, words - 1)
    # Not counted: the engine takes twice as long to make a mask of letters counted within counted words.
    word = f"{_WORD_CHARACTER}+"
    text = f"(?:{word} ){_count(few, words - 1)}{word}"
    return f'"{text}"' if least else f'"(?:{text})?"'


def _write_number(schema: Mapping[str, Any], fraction: str) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if any(not isinstance(limit, int | float | None) for limit in (least, most)):
        raise SchemaError("json_schema: minimum and maximum must be numbers.")
    if least is not None and most is not None:
        if least > most:
            raise SchemaError(f"json_schema: minimum {least} is above maximum {most}.")
        if not fraction and most - least <= _MOST_CHOICES:
            return _choose([re.escape(str(number)) for number in range(-int(-least // 1), int(most // 1) + 1)])
    sign = "-?" if least is None or least < 0 else ""
    digits = 15 if most is None else len(str(int(max(abs(most), abs(least or 0)))))
    return f"{sign}(?:0|[1-9][0-9]{{0,{max(digits - 1, 0)}}}){fraction}"


def _write_pattern(pattern: Any) -> str:
    """Keep a pattern inside its string: what it leaves open may be anything but a quote or control character."""
    _check_pattern(pattern)
    body = pattern.removeprefix("^")
    if body.endswith("$") and not body.endswith(r"\$"):
        body = body[:-1]
    written, in_class, position = [], False, 0
    while position < len(body):
        step = 2 if body[position] == "\\" or (body[position : position + 2] == "[^" and not in_class) else 1
        piece = body[position : position + step]
        position += step
        if piece[0] == "[" and not in_class:
            in_class = True
            written.append(r'[^"\\\x00-\x1f' if step == 2 else piece)
        elif piece == "]":
            in_class = False
            written.append(piece)
        elif piece == "." and not in_class:
            written.append(r'[^"\\\x00-\x1f]')
        elif piece == r"\s":
            written.append(" ")
        elif piece in {r"\n", r"\t", r"\r", r"\\", '"'} or (len(piece) == 2 and piece[1] in "SWDbBAZ0123456789xu"):
            raise SchemaError(f"json_schema: the pattern {pattern!r} uses {piece}, which is not supported.")
        else:
            written.append(piece)
    return "".join(written)


def _is_choice(pattern: str) -> bool:
    """Whether a pattern is a choice as a whole; one within a group, or a sign in a class, is none."""
    open_parts = _CLOSED.sub("", pattern)
    while (outer := _GROUP.sub("", open_parts)) != open_parts:
        open_parts = outer
    return "|" in open_parts


def _check_pattern(pattern: Any) -> None:
    try:
        re.compile(pattern)
    except (re.error, TypeError) as error:
        raise SchemaError(f"json_schema: {pattern!r} is no regular expression: {error}.") from None
    if re.search(r"\(\?(?!:)", pattern) or re.search(r"(?<![\\\[^])\^(?!$)", pattern[1:]):
        raise SchemaError(f"json_schema: the pattern {pattern!r} uses groups or anchors that are not supported.")


def _write_free_value(depth: int) -> str:
    scalars = [f'"{CHARACTER}*"', _write_number({}, _FRACTION), "true", "false", "null"]
    if depth <= 0:
        return _choose(scalars)
    inner = _write_free_value(depth - 1)
    return _choose([*scalars, rf"\[(?:{inner}(?:, {inner})*)?\]", _write_free_object(depth)])


def _write_free_object(depth: int) -> str:
    member = f'"{CHARACTER}{{1,40}}": {_write_free_value(depth - 1)}'
    return rf"\{{(?:{member}(?:, {member})*)?\}}"


def _write_literal(value: Any) -> str:
    return re.sub(r"([\\.^$*+?{}\[\]|()/\-])", r"\\\1", json.dumps(value, ensure_ascii=False))


def _choose(options: Sequence[str]) -> str:
    if not options:
        raise SchemaError("json_schema: a choice has no option.")
    return f"(?:{'|'.join(options)})"


def _count(least: int, most: int | None) -> str:
    if most is None:
        return "*" if least == 0 else f"{{{least},}}"
    return f"{{{least},{most}}}"


def _read_limits(schema: Mapping[str, Any], low: str, high: str) -> tuple[int, int | None]:
    least, most = schema.get(low, 0), schema.get(high)
    if (
        not isinstance(least, int)
        or not isinstance(most, int | None)
        or not 0 <= least <= (least if most is None else most)
    ):
        raise SchemaError(f"json_schema: {low} {least!r} and {high} {most!r} do not go together.")
    return least, most


def _expect_list(schema: Mapping[str, Any], keyword: str) -> list[Any]:
    if not isinstance(schema[keyword], list):
        raise SchemaError(f"json_schema: {keyword} must be a list.")
    return list(schema[keyword])


def _follow(reference: Any, root: Mapping[str, Any]) -> Any:
    target: Any = root
    for part in str(reference).removeprefix("#/").split("/"):
        if not isinstance(target, Mapping) or part not in target:
            raise SchemaError(f"json_schema: $ref {reference!r} leads nowhere.")
        target = target[part]
    return target
