"""A recipe: one kind of persona-driven data as a YAML file, `prompts/recipes/*.yaml`.

The file is a prompt file with more keys: what it reads, the fields of its rows, the checks that a row
must pass, and how a row becomes a training example. Dropping a file in makes an asset.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import dataframely as dy
from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator, model_validator

from persona_assets.errors import PromptError
from persona_assets.prompts import Prompt, PromptFile, load_prompt
from persona_assets.recipes.checks import CHECKS
from persona_assets.records import SCHEMAS, recipe_schema

_NAME = re.compile(r"^[a-z][a-z0-9_]{1,60}$")
_FIELD = re.compile(r"^[a-z][a-z0-9_]{0,60}$")
_COLUMNS = {"item_id", "persona_id", "persona", "source_item_id", "response_keys", "doc_id", "license", "family_id"}
_ASSETS = {*SCHEMAS, "sft_dataset"}


class FieldSpec(BaseModel):
    """One field of a recipe's rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["string", "integer"] = "string"
    description: str
    min_length: int = Field(1, ge=0)
    max_length: int | None = None
    minimum: int | None = None
    maximum: int | None = None


class TrainingExample(BaseModel):
    """How a row becomes an SFT example: templates over the row's columns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str = ""
    user: str
    assistant: str


class RecipeFile(PromptFile):
    """The content of a recipe file."""

    asset: str
    reads: str = "persona_hub"
    answer: Literal["text", "json"] = "text"
    pattern: str = Field(
        "", description="Regular expression with a named group a field, for plain text answers; none: one field."
    )
    fields: dict[str, FieldSpec] = Field(min_length=1)
    checks: tuple[str, ...] = ()
    prefer: Literal["near_persona", "agreement", "first"] = "first"
    agreement_field: str = ""
    per_row: int = Field(1, ge=1, description="Rows asked for from each row read.")
    sft: TrainingExample | None = None

    @field_validator("asset")
    @classmethod
    def _check_asset(cls, name: str) -> str:
        if not _NAME.match(name):
            raise ValueError("an asset's name has lower case letters, digits and underscores")
        if name in _ASSETS:
            raise ValueError(f"{name} is an asset of the pipeline already")
        return name

    @model_validator(mode="after")
    def _check_together(self) -> "RecipeFile":
        reserved = _COLUMNS & set(self.fields)
        if reserved:
            raise ValueError(f"fields: {', '.join(sorted(reserved))} are columns of every recipe or of its origin")
        unnamed = [field for field in self.fields if not _FIELD.match(field)]
        if unnamed:
            raise ValueError(f"fields: {', '.join(unnamed)} must be lower case letters, digits and underscores")
        unknown = [check for check in self.checks if check not in CHECKS]
        if unknown:
            raise ValueError(f"checks: {', '.join(unknown)} unknown; there are {', '.join(sorted(CHECKS))}")
        if self.answer == "text":
            self._check_pattern()
        if self.prefer == "agreement" and self.agreement_field not in self.fields:
            raise ValueError("prefer: agreement wants agreement_field, one of the fields")
        return self

    def _check_pattern(self) -> None:
        try:
            groups = set(re.compile(self.pattern).groupindex) if self.pattern else set()
        except re.error as error:
            raise ValueError(f"pattern: {error}") from None
        if self.pattern and groups != set(self.fields):
            raise ValueError(f"pattern: its groups are {sorted(groups)}, the fields {sorted(self.fields)}")
        if not self.pattern and len(self.fields) > 1:
            raise ValueError("pattern: a plain text answer with several fields wants one")

    def schema_class(self) -> type[dy.Schema]:
        """The schema of the recipe's table."""
        return recipe_schema(self.asset, {name: spec.model_dump() for name, spec in self.fields.items()})

    def answer_model(self) -> type[BaseModel]:
        """The fields of an answer, with their bounds, for JSON answers and for validation."""
        fields: Mapping[str, Any] = {name: _pydantic_field(spec) for name, spec in self.fields.items()}
        return create_model(f"Answer_{self.asset}", __config__=ConfigDict(str_strip_whitespace=True), **fields)


Recipe = Prompt[RecipeFile]


def load_recipes(folder: Path) -> list[Recipe]:
    """Read every recipe of a folder, those first that others read.

    Args:
        folder: the folder `recipes` of the prompts.

    Returns:
        The recipes, in an order in which each comes after the one it reads.

    Raises:
        PromptError: for a file that is not well formed, two recipes of one name, or a circle.
    """
    recipes = [load_prompt(path, RecipeFile) for path in sorted(folder.glob("*.y*ml"))]
    by_name: dict[str, Recipe] = {}
    for recipe in recipes:
        if recipe.content.asset in by_name:
            raise PromptError(f"{folder}: {recipe.name} and {by_name[recipe.content.asset].name} make the same asset.")
        by_name[recipe.content.asset] = recipe
    ordered: dict[str, Recipe] = {}
    for recipe in recipes:
        _add_in_order(recipe, by_name, ordered, ())
    return list(ordered.values())


def _add_in_order(
    recipe: Recipe, by_name: Mapping[str, Recipe], ordered: dict[str, Recipe], path: tuple[str, ...]
) -> None:
    name, source = recipe.content.asset, recipe.content.reads
    if name in ordered:
        return
    if name in path:
        raise PromptError(f"Recipes read each other in a circle: {' -> '.join((*path, name))}.")
    if source != "persona_hub":
        if source not in by_name:
            raise PromptError(
                f"Recipe {recipe.name} reads {source}; it may read persona_hub or another recipe's asset."
            )
        _add_in_order(by_name[source], by_name, ordered, (*path, name))
    ordered[name] = recipe


def _pydantic_field(spec: FieldSpec) -> tuple[type, Any]:
    if spec.type == "integer":
        return int, Field(ge=spec.minimum, le=spec.maximum, description=spec.description)
    return str, Field(min_length=spec.min_length, max_length=spec.max_length, description=spec.description)
