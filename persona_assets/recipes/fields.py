"""The fields of a recipe's rows: what an answer must hold, and the columns that it becomes."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

import dataframely as dy
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, model_validator

_LARGEST_INTEGER = 2**63 - 1
NAME = re.compile(r"^[a-z][a-z0-9_]{0,60}$")


class FieldSpec(BaseModel):
    """One field: its type, what it means, and its bounds.

    Attributes:
        type: string, integer, number, boolean, list (of `items`) or object (of `fields`).
        description: for the model, the user interface and the docs.
        min_length: characters of a string, or members of a list, at least.
        max_length: the same, at most.
        choices: the only strings there may be.
        from_world: those are the names of the places or factions of the row's world.
        is_code: it is code, which no check of prose reads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["string", "integer", "number", "boolean", "list", "object"] = "string"
    description: str
    min_length: int = Field(1, ge=0)
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    from_world: Literal["places", "factions"] | None = None
    pattern: str | None = None
    items: "FieldSpec | None" = None
    fields: dict[str, "FieldSpec"] = Field(default_factory=dict)
    is_code: bool = False

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        if (self.type == "list") != (self.items is not None):
            raise ValueError("a list, and nothing else, says what its items are")
        if (self.type == "object") != bool(self.fields):
            raise ValueError("an object, and nothing else, says what its fields are")
        return self

    def to_column(self) -> dy.Column:
        """The column of a table."""
        match self.type:
            case "integer":
                return dy.Int64(min=_whole(self.minimum), max=_whole(self.maximum), description=self.description)
            case "number":
                return dy.Float64(min=self.minimum, max=self.maximum, description=self.description)
            case "boolean":
                return dy.Bool(description=self.description)
            case "list":
                assert self.items is not None  # noqa: S101 - validated above
                return dy.List(self.items.to_column(), description=self.description, **self._lengths)
            case "object":
                inner = {name: spec.to_column() for name, spec in self.fields.items()}
                return dy.Struct(inner, description=self.description)
        return dy.String(description=self.description, **self._lengths)

    def to_annotation(self, name: str) -> Any:
        """The type for pydantic, with its bounds; `name` is for the models of objects."""
        match self.type:
            case "integer" | "number":
                kind: Any = int if self.type == "integer" else float
                bounds: dict[str, Any] = {"ge": self.minimum, "le": self.maximum}
            case "boolean":
                kind, bounds = bool, {}
            case "object":
                kind, bounds = build_model(name, self.fields), {}
            case "list":
                assert self.items is not None  # noqa: S101 - validated above
                kind, bounds = list[self.items.to_annotation(name)], self._lengths  # type: ignore[misc]
            case "string":
                kind, bounds = (Literal[self.choices], {}) if self.choices else (str, self._text_bounds)
        annotation = Annotated[kind, Field(description=self.description, **bounds)]
        # Behind the bounds: before them it would take them out of the schema.
        return Annotated[annotation, AfterValidator(_fit_column)] if self.type == "integer" else annotation

    def iter_prose(self, value: Any) -> Iterator[str]:
        """The texts in a value that are read as prose: no names to choose from, no identifiers, no code."""
        if self.type == "object":
            for name, spec in self.fields.items():
                yield from spec.iter_prose(value[name])
        elif self.items is not None:
            for one in value:
                yield from self.items.iter_prose(one)
        elif self.type == "string" and not (self.choices or self.from_world or self.pattern or self.is_code):
            yield str(value)

    @property
    def _lengths(self) -> dict[str, Any]:
        return {"min_length": self.min_length, "max_length": self.max_length}

    @property
    def _text_bounds(self) -> dict[str, Any]:
        return {**self._lengths, "pattern": self.pattern}


def build_model(name: str, fields: Mapping[str, FieldSpec]) -> type[BaseModel]:
    """The model of an answer, or of an object in it: exactly these fields, each within its bounds."""
    parts: Mapping[str, Any] = {field: (spec.to_annotation(f"{name}_{field}"), ...) for field, spec in fields.items()}
    return create_model(name, __config__=ConfigDict(str_strip_whitespace=True), **parts)


def _fit_column(number: int) -> int:
    # Not a bound of the field: models need not read it in the schema.
    if not -_LARGEST_INTEGER <= number <= _LARGEST_INTEGER:
        raise ValueError("the number is too large for a column")
    return number


def _whole(bound: float | None) -> int | None:
    return None if bound is None else int(bound)
