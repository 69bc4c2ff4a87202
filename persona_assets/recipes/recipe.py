"""A recipe: one kind of persona-driven data as a YAML file, `prompts/recipes/*.yaml`.

The file is a prompt file with more keys: what it reads, what it draws, the fields of its rows, the checks that a
row must pass, and how a row becomes a training example. Dropping a file in makes an asset.
"""

import re
from collections.abc import Iterable
from typing import Any, Literal, Self

import dataframely as dy
import polars as pl
from pydantic import BaseModel, Field, field_validator, model_validator

from persona_assets.personas.draws import draw
from persona_assets.prompts import Demonstration, Prompt, PromptFile, list_variables
from persona_assets.recipes.derive import DERIVED
from persona_assets.recipes.draws import Option
from persona_assets.recipes.fields import NAME, FieldSpec, build_model
from persona_assets.recipes.recipe_parts import Agreement, BegunRecipe, Conversation, TrainingExample, check_known
from persona_assets.recipes.worlds import World
from persona_assets.records import RECIPE_COLUMNS, SCHEMAS, recipe_schema
from persona_assets.settings import Choice, Method

HUB = "persona_hub"
_COLUMNS = {*RECIPE_COLUMNS, "doc_id", "license", "family_id"}
_ASSETS = {*SCHEMAS, "sft_dataset"}


class RecipeFile(PromptFile):
    """The content of a recipe file."""

    asset: str
    reads: str = HUB
    method: Method = Field("persona_few_shot", description="What of the demonstrations the model is shown.")
    shown: int | None = Field(None, ge=1, description="Demonstrations shown of those there are; none: all.")
    choose: Choice = Field("first", description="The first of them, or those whose persona is nearest to the row's.")
    draws: dict[str, dict[str, Option]] = Field(default_factory=dict)
    worlds: dict[str, World] = Field(default_factory=dict, description="In the file: names of files of worlds/.")
    answer: Literal["text", "json"] = "text"
    pattern: tuple[str, ...] = Field(
        (),
        description="Regular expression with a named group a field, for plain text answers, or several, of which the"
        " first one counts that fits; none: one field.",
    )
    fields: dict[str, FieldSpec] = Field(default_factory=dict)
    derive: dict[str, str] = Field(default_factory=dict, description="Further columns, each by a named function.")
    checks: tuple[str, ...] = ()
    prefer: Literal["near_persona", "first"] = "first"
    begun: BegunRecipe | None = Field(
        None, description="What a model is asked that goes on with an answer; others never see it."
    )
    agreement: Agreement | None = None
    conversation: Conversation | None = None
    per_row: int = Field(1, ge=1, description="Rows asked for from each row read.")
    sft: TrainingExample | None = None

    @field_validator("asset")
    @classmethod
    def _check_asset(cls, name: str) -> str:
        if not NAME.match(name):
            raise ValueError("an asset's name has lower case letters, digits and underscores")
        if name in _ASSETS:
            raise ValueError(f"{name} is an asset of the pipeline already")
        return name

    @field_validator("pattern", mode="before")
    @classmethod
    def _list_patterns(cls, pattern: Any) -> Any:
        return (pattern,) if isinstance(pattern, str) else pattern

    @field_validator("fields")
    @classmethod
    def _check_fields(cls, fields: dict[str, FieldSpec]) -> dict[str, FieldSpec]:
        return _check_names(fields)

    @field_validator("draws")
    @classmethod
    def _check_draws(cls, draws: dict[str, dict[str, Option]]) -> dict[str, dict[str, Option]]:
        for name, options in draws.items():
            if not sum(option.weight for option in options.values()):
                raise ValueError(f"{name} has no option with a weight")
        return _check_names(draws)

    @field_validator("checks")
    @classmethod
    def _check_checks(cls, checks: tuple[str, ...]) -> tuple[str, ...]:
        return check_known(checks)

    @field_validator("derive")
    @classmethod
    def _check_derived(cls, derived: dict[str, str]) -> dict[str, str]:
        unknown = [name for name in derived.values() if name not in DERIVED]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} unknown; there are {', '.join(sorted(DERIVED))}")
        return _check_names(derived)

    @model_validator(mode="after")
    def _check_together(self) -> "RecipeFile":
        if bool(self.fields) == bool(self.conversation):
            raise ValueError("a recipe has fields, or is a conversation")
        if self.answer == "text" and self.fields:
            self._check_pattern()
        elif self.begun:
            raise ValueError("begun: only answers in plain text are begun")
        if not self.worlds and any(spec.from_world for spec in self.fields.values()):
            raise ValueError("from_world: the recipe has no worlds")
        if self.agreement and self.agreement.field not in self.fields:
            raise ValueError(f"agreement: {self.agreement.field} is none of the fields")
        return self

    def _check_pattern(self) -> None:
        for pattern in self.pattern:
            try:
                groups = set(re.compile(pattern).groupindex)
            except re.error as error:
                raise ValueError(f"pattern: {error}") from None
            if groups != set(self.fields):
                raise ValueError(f"pattern: its groups are {sorted(groups)}, the fields {sorted(self.fields)}")
        if not self.pattern and len(self.fields) > 1:
            raise ValueError("pattern: a plain text answer with several fields wants one")

    @property
    def turns_per_row(self) -> int:
        """Questions that one row takes: of a conversation every turn, but for one that the row read opens with."""
        return 2 * self.conversation.user_turns - bool(self.conversation.opening) if self.conversation else 1

    @property
    def drawn_columns(self) -> list[str]:
        """The columns for what is drawn for each row."""
        return [*self.draws, *(["world"] if self.worlds else [])]

    def schema_class(self) -> type[dy.Schema]:
        """The schema of the recipe's table."""
        columns: dict[str, dy.Column] = {
            name: dy.String(description=f"The {name} drawn.") for name in self.drawn_columns
        }
        columns |= {name: spec.to_column() for name, spec in self.fields.items()}
        if self.conversation:
            columns |= _conversation_columns()
        if self.agreement:
            columns["n_agree"] = dy.Int32(
                min=1, description=f"Answers whose {self.agreement.field} is equivalent to this."
            )
            columns["n_answers"] = dy.Int32(min=1, description="Answers that passed the checks.")
        columns |= {name: dy.String(description=DERIVED[how].__doc__) for name, how in self.derive.items()}
        return recipe_schema(self.asset, columns)

    def text_expression(self) -> pl.Expr:
        """What a row says, as one text: its turns, or its fields that are strings."""
        if self.conversation:
            return pl.col("turns").list.eval(pl.element().struct.field("content")).list.join("\n")
        texts = [name for name, spec in self.fields.items() if spec.type == "string"]
        return pl.concat_str(texts or list(self.fields), separator="\n")

    def answer_model(self, world: str | None = None) -> type[BaseModel]:
        """The fields of an answer, with their bounds, for JSON answers and for validation.

        Args:
            world: name of the row's world, whose places and factions some fields choose from.
        """
        fields = dict(self.fields)
        if world is not None:
            for name, spec in self.fields.items():
                if spec.from_world:
                    fields[name] = spec.model_copy(
                        update={"choices": tuple(getattr(self.worlds[world], spec.from_world))}
                    )
        return build_model(f"Answer_{self.asset}", fields)

    def with_begun_answers(self) -> Self:
        """The same recipe for a model whose answers are begun."""
        if self.begun is None:
            return self
        asked = {name: getattr(self.begun, name) for name in ("system", "user", "max_tokens", "demonstrations")}
        return self.model_copy(update={**asked, "checks": (*self.checks, *self.begun.checks)})

    def draw_opening(self, row_id: str, sample: int) -> str | None:
        """Draw how the answer about a row begins, of a model whose answers are begun; equal for an equal row."""
        return draw(f"opening {self.asset} {row_id} {sample}", self.begun.openings, 1)[0] if self.begun else None

    def demonstrations_without_persona(self) -> list[Demonstration]:
        """The demonstrations that want a persona and have none."""
        if "persona" not in list_variables(self.system) | list_variables(self.user):
            return []
        return [one for one in self.demonstrations if not one.values.get("persona")]


Recipe = Prompt[RecipeFile]


def _conversation_columns() -> dict[str, dy.Column]:
    turn = dy.Struct({"role": dy.Enum(["user", "assistant"]), "content": dy.String()})
    return {
        "partner_id": dy.String(nullable=True, description="The persona that answers; none for an assistant."),
        "partner": dy.String(nullable=True, description="Its text."),
        "turns": dy.List(turn, min_length=2, description="The persona's turns are the user's."),
        "n_user_turns": dy.Int32(min=1),
        "is_ended": dy.Bool(description="The persona said that it has what it wanted; else it was cut off."),
    }


def _check_names(names: dict[str, Any]) -> dict[str, Any]:
    reserved = _COLUMNS & set(names)
    if reserved:
        raise ValueError(f"{', '.join(sorted(reserved))} are columns of every recipe or of its origin")
    odd = [name for name in names if not NAME.match(name)]
    if odd:
        raise ValueError(f"{', '.join(odd)} must be lower case letters, digits and underscores")
    return names


def variables_of(recipe: RecipeFile, source: RecipeFile | None, hub: Iterable[str]) -> set[str]:
    """The variables that the templates of a recipe may use.

    Args:
        recipe: the recipe.
        source: the recipe that it reads, if it reads one.
        hub: the columns of persona_hub.
    """
    columns = set(source.schema_class().column_names()) if source else set(hub)
    drawn = {*recipe.drawn_columns, *(f"{name}_text" for name in recipe.draws)}
    return columns | drawn | ({"transcript", "partner", "turn"} if recipe.conversation else set())
