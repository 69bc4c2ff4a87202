"""Finds what is wrong with recipe files before a model is paid for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import TemplateSyntaxError

from persona_assets.errors import PromptError
from persona_assets.llm.outcomes import Verdict
from persona_assets.prompts import Demonstration, list_variables
from persona_assets.recipes.conversations import judge_turn
from persona_assets.recipes.demonstrations import find_method_flaw
from persona_assets.recipes.load import load_recipe, order_recipes
from persona_assets.recipes.make import judge_answer
from persona_assets.recipes.recipe import HUB, Recipe, RecipeFile, variables_of
from persona_assets.recipes.sources import SourceRow
from persona_assets.records import PersonaHub
from persona_assets.row_checks import Rejected, RowChecks
from persona_assets.yaml_files import find_line

_ROW_COLUMNS = {"family_id", "doc_id", "license"}
"""What an SFT template may use beside the row's own columns."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `line`: from 1; 0 where the message names it, or the file as a whole is meant."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        """As compilers write it."""
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


def examine_recipes(folder: Path) -> list[Problem]:
    """Examine every recipe file of a folder.

    Args:
        folder: the folder `recipes` of the prompts.

    Returns:
        What is wrong: files that are not well formed, unknown variables, missing demonstrations, demonstrations that
        the recipe itself would refuse or flag. Nothing where all is well.
    """
    problems: list[Problem] = []
    loaded: dict[Path, Recipe] = {}
    for path in sorted(folder.glob("*.y*ml")):
        try:
            loaded[path] = load_recipe(path)
        except PromptError as error:
            problems.append(Problem(path, 0, str(error)))
    by_asset = {recipe.content.asset: recipe.content for recipe in loaded.values()}
    try:
        order_recipes(list(loaded.values()), folder)
    except PromptError as error:
        if not problems:
            problems.append(Problem(folder, 0, str(error)))
    for path, recipe in loaded.items():
        source = path.read_bytes()
        for location, message in _examine(recipe.content, by_asset):
            problems.append(Problem(path, find_line(source, location), message))
    return problems


Found = tuple[Sequence[str | int], str]


def _examine(recipe: RecipeFile, others: Mapping[str, RecipeFile]) -> Iterator[Found]:
    known = variables_of(recipe, others.get(recipe.reads), PersonaHub.column_names())
    if recipe.reads in {HUB, *others}:
        yield from _find_unknown(recipe, known)
    if flaw := find_method_flaw(recipe, recipe.method, recipe.choose, has_pool=bool(recipe.demonstrations)):
        yield ["method"], flaw
    for place, demonstration in enumerate(recipe.demonstrations):
        for message in _examine_demonstration(recipe, demonstration, known):
            yield ["demonstrations", place], f"demonstration {place + 1}: {message}"


def _find_unknown(recipe: RecipeFile, known: set[str]) -> Iterator[Found]:
    row = known | set(recipe.schema_class().column_names()) | _ROW_COLUMNS
    for location, template in _list_templates(recipe):
        allowed = row if location[0] == "sft" else known
        try:
            unknown = sorted(list_variables(template) - allowed)
        except TemplateSyntaxError as error:
            yield location, f"{'.'.join(location)} is no valid template: {error.message}"
            continue
        if unknown:
            there = ", ".join(sorted(allowed))
            yield location, f"{'.'.join(location)} uses {', '.join(unknown)}, which it is not given; there are {there}"


def _list_templates(recipe: RecipeFile) -> Iterator[tuple[list[str], str]]:
    yield from ((["system"], recipe.system), (["user"], recipe.user))
    if recipe.sft:
        yield from ((["sft", part], getattr(recipe.sft, part)) for part in ("system", "user", "assistant"))
    if recipe.conversation:
        yield ["conversation", "opening"], recipe.conversation.opening
        if recipe.conversation.assistant:
            yield ["conversation", "assistant", "system"], recipe.conversation.assistant.system
    if recipe.agreement and (program := recipe.agreement.program):
        yield from ((["agreement", "program", part], getattr(program, part)) for part in ("system", "user"))


def _examine_demonstration(recipe: RecipeFile, demonstration: Demonstration, known: set[str]) -> Iterator[str]:
    try:
        used = list_variables(recipe.user) & known
    except TemplateSyntaxError:
        return
    missing = sorted(used - set(demonstration.values) - {"persona", "partner"})
    if missing:
        yield f"there is no value for {', '.join(missing)}, so that it would take the row's"
        return
    values = {"persona": "", **dict.fromkeys(recipe.all_draws, ""), **demonstration.values}
    source = SourceRow({"persona_id": "", **values}, 0, "", {}, values)
    try:
        verdict = _judge(recipe, demonstration, source)
    except ValueError as error:
        yield f"the recipe itself would refuse it: {' '.join(str(error).split())[:300]}"
        return
    except (KeyError, TypeError) as error:
        yield f"a check wants {error}"
        return
    if isinstance(verdict, Rejected):
        yield f"the recipe itself would refuse it: {verdict.reason} {verdict.detail}".rstrip()
    elif flags := verdict.values["flags"]:
        yield f"the recipe itself would flag it: {', '.join(flags)}"


def _judge(recipe: RecipeFile, demonstration: Demonstration, source: SourceRow) -> Verdict:
    checks = recipe.change_checks(RowChecks())
    if recipe.conversation:
        return judge_turn(demonstration.answer_text(), True, source, [], checks)
    if recipe.answer == "text":
        return judge_answer(recipe, source, {"text": demonstration.answer_text()}, checks)
    return judge_answer(recipe, source, recipe.read_demonstration(demonstration), checks)
