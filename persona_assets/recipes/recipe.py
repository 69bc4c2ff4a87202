"""A recipe: one kind of persona-driven data as a YAML file, `prompts/recipes/*.yaml`.

The file is a prompt file with more keys: what it reads, what it draws, the fields of its rows, the checks that a
row must pass, and how a row becomes a training example. Dropping a file in makes an asset.
"""

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import dataframely as dy
import polars as pl
from pydantic import AfterValidator, BaseModel, Field, field_validator, model_validator

from persona_assets.prompts import Demonstration, Prompt, PromptFile, list_variables
from persona_assets.recipes.checks import NAMED, OWN_FIELDS
from persona_assets.recipes.derive import DERIVED
from persona_assets.recipes.draws import Draws, Option, require_draws
from persona_assets.recipes.fields import NAME, FieldSpec, build_model
from persona_assets.recipes.recipe_parts import Agreement, Conversation, TrainingExample
from persona_assets.recipes.worlds import World
from persona_assets.records import RECIPE_COLUMNS, SCHEMAS, recipe_schema
from persona_assets.row_checks import CheckSettings, RowChecks, require_checks
from persona_assets.settings_sections import Choice, Method

HUB = "persona_hub"
WORLD = "world"
CONVERSATION_VARIABLES = ("transcript", "partner", "turn", "is_first", "is_last")
_COLUMNS = {*RECIPE_COLUMNS, "doc_id", "license", "family_id"}
_ASSETS = {*SCHEMAS, "sft_dataset"}
_QUOTED = re.compile(r'"([^"]+)"|“([^“”]+)”')


class RecipeFile(PromptFile):
    """The content of a recipe file."""

    asset: str
    reads: str = HUB
    method: Method = Field("zero_shot", description="What of the demonstrations the model is shown.")
    shown: int | None = Field(None, ge=1, description="Demonstrations shown of those there are; none: all.")
    choose: Choice = Field(
        "random", description="Those drawn by row, those whose persona is nearest to the row's, or the first."
    )
    draws: dict[str, dict[str, Option]] = Field(
        default_factory=dict, description="Drawn in this order; in the file also the name of a file of options."
    )
    worlds: dict[str, World] = Field(default_factory=dict, description="In the file: names of files of worlds/.")
    answer: Literal["text", "json"] = "text"
    pattern: str | None = Field(
        None, description="Regular expression with a named group a field, for plain text answers; none: one field."
    )
    fields: dict[str, FieldSpec] = Field(default_factory=dict)
    derive: dict[str, str] = Field(default_factory=dict, description="Further columns, each by a named function.")
    checks: Annotated[dict[str, CheckSettings], AfterValidator(require_checks)] = Field(
        default_factory=dict, description="Checks on top of those of every text, and levels in place of [checks]."
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

    @field_validator("fields")
    @classmethod
    def _check_fields(cls, fields: dict[str, FieldSpec]) -> dict[str, FieldSpec]:
        return _check_names(fields)

    @field_validator("draws")
    @classmethod
    def _check_draws(cls, draws: dict[str, dict[str, Option]]) -> dict[str, dict[str, Option]]:
        require_draws(draws)
        return _check_names(draws)

    @field_validator("checks", mode="before")
    @classmethod
    def _read_checks(cls, checks: Any) -> Any:
        if isinstance(checks, list | tuple):
            return {name: {} for name in checks}
        if not isinstance(checks, dict):
            return checks or {}
        # A bare off is false in YAML.
        return {name: "off" if level is False else level for name, level in checks.items()}

    @field_validator("checks")
    @classmethod
    def _check_named(cls, checks: dict[str, CheckSettings]) -> dict[str, CheckSettings]:
        idle = [name for name, one in checks.items() if name not in NAMED and not (one.level or one.parameters)]
        if idle:
            raise ValueError(
                f"{', '.join(idle)} is made of every row anyway: give it a level, or leave it out; a file may name"
                f" {', '.join(NAMED)}"
            )
        return checks

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
        if not self.worlds and any(spec.from_world for spec in self.fields.values()):
            raise ValueError("from_world: the recipe has no worlds")
        if self.worlds and WORLD in self.draws:
            raise ValueError(f"draws: {WORLD} is drawn of the worlds already")
        if self.agreement:
            self._check_agreement(self.agreement)
        for name, needed in OWN_FIELDS.items():
            if name in self.checks and (missing := [one for one in needed if one not in self.fields]):
                raise ValueError(f"checks: {name} looks at the fields {', '.join(missing)}, which the recipe lacks")
        return self

    def _check_pattern(self) -> None:
        if self.pattern is None:
            if len(self.fields) > 1:
                raise ValueError("pattern: a plain text answer with several fields wants one; or set answer: json")
            return
        try:
            groups = set(re.compile(self.pattern).groupindex)
        except re.error as error:
            raise ValueError(f"pattern: {error}") from None
        if groups != set(self.fields):
            raise ValueError(f"pattern: its groups are {sorted(groups)}, the fields {sorted(self.fields)}")

    def _check_agreement(self, agreement: Agreement) -> None:
        if agreement.field not in self.fields:
            raise ValueError(f"agreement: {agreement.field} is none of the fields")
        votes = (self.candidates or agreement.at_least) + (agreement.program is not None)
        if votes < agreement.at_least:
            raise ValueError(
                f"agreement: candidates is {self.candidates}, and at_least {agreement.at_least} answers must agree, so"
                " that every one would be refused; raise candidates, or lower at_least"
            )

    @property
    def shown_per_row(self) -> int:
        """Demonstrations that one row's prompt shows, by the file alone."""
        return 0 if self.method == "zero_shot" else self.shown or len(self.demonstrations)

    @property
    def turns_per_row(self) -> float:
        """Questions that one row takes: of a conversation every turn, but for one that the row read opens with."""
        return self.conversation.questions if self.conversation else 1.0

    @property
    def names_persona(self) -> bool:
        """Whether the prompt says something of the persona."""
        return "persona" in list_variables(self.system) | list_variables(self.user)

    @property
    def all_draws(self) -> Draws:
        """What is drawn for each row: the draws, and one of the worlds."""
        worlds = {name: Option(text=world.title) for name, world in self.worlds.items()}
        return {**self.draws, WORLD: worlds} if worlds else self.draws

    @property
    def drawn_columns(self) -> list[str]:
        """The columns for what is drawn for each row."""
        return [*self.all_draws, *(["world_title"] if self.worlds else [])]

    def change_checks(self, checks: RowChecks) -> RowChecks:
        """The checks of the project, with the levels and parameters that the file sets."""
        return checks.change({name: one for name, one in self.checks.items() if one.level or one.parameters})

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
        """The fields of an answer, with their bounds; some choose from the places and factions of the row's world."""
        fields = dict(self.fields)
        if world is not None:
            for name, spec in self.fields.items():
                if spec.from_world:
                    fields[name] = spec.model_copy(
                        update={"choices": tuple(getattr(self.worlds[world], spec.from_world))}
                    )
        return build_model(f"Answer_{self.asset}", fields)

    def read_text(self, text: str) -> dict[str, Any]:
        """Read the fields of an answer in plain text; ValueError if it does not have them."""
        if self.pattern is None:
            found = {next(iter(self.fields)): strip_quotes(text)}
        elif match := re.search(self.pattern, text):
            found = {name: (match.group(name) or "").strip() for name in self.fields}
        else:
            raise ValueError("the answer does not fit the recipe's pattern")
        return self.answer_model().model_validate(found).model_dump()

    def read_demonstration(self, demonstration: Demonstration) -> dict[str, Any]:
        """Read the fields of a demonstration's answer as those of a model's; ValueError if it does not have them."""
        if self.answer == "text":
            return self.read_text(demonstration.answer_text())
        answer = demonstration.answer
        return (
            self.answer_model().model_validate(json.loads(answer) if isinstance(answer, str) else answer).model_dump()
        )

    def demonstrations_without_persona(self) -> list[Demonstration]:
        """The demonstrations that want a persona and have none."""
        return [one for one in self.demonstrations if not one.values.get("persona")] if self.names_persona else []


Recipe = Prompt[RecipeFile]


def strip_quotes(text: str) -> str:
    """Take away the quotation marks around a whole text, and none that belong to it."""
    found = _QUOTED.fullmatch(text.strip())
    return (found[1] or found[2]).strip() if found else text.strip()


def _conversation_columns() -> dict[str, dy.Column]:
    turn = dy.Struct({"role": dy.Enum(["user", "assistant"]), "content": dy.String()})
    return {
        "partner_id": dy.String(nullable=True, description="The persona that answers; none for an assistant."),
        "partner": dy.String(nullable=True, description="Its text."),
        "turns": dy.List(turn, min_length=2, description="The persona's turns are the user's."),
        "n_user_turns": dy.Int32(min=1),
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
    """The variables that the templates of a recipe may use."""
    columns = set(source.schema_class().column_names()) if source else set(hub)
    drawn = {*recipe.drawn_columns, *(f"{name}_text" for name in recipe.all_draws)}
    return columns | drawn | (set(CONVERSATION_VARIABLES) if recipe.conversation else set())
