"""Reads the recipe files of a project, with the files that they take in: demonstrations, draws and worlds."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from persona_assets.errors import PromptError
from persona_assets.personas.persona_prompts import SEED_PROMPT_FILE
from persona_assets.prompts import Demonstration, Prompt, hash_files
from persona_assets.recipes.checks import SOURCE_COLUMNS
from persona_assets.recipes.draws import Option
from persona_assets.recipes.recipe import HUB, Recipe, RecipeFile
from persona_assets.recipes.worlds import World
from persona_assets.records import SCHEMAS
from persona_assets.yaml_files import find_line, read_yaml, validate_yaml


class _DemonstrationFile(BaseModel):
    demonstrations: tuple[Demonstration, ...]


class _DrawFile(BaseModel):
    options: dict[str, Option] = Field(min_length=1)


def load_recipes(folder: Path) -> list[Recipe]:
    """Read every recipe of a folder, those first that others read.

    Args:
        folder: the folder `recipes` of the prompts.

    Returns:
        The recipes, in an order in which each comes after the one it reads.

    Raises:
        PromptError: for a file that is not well formed, two recipes of one name, or a circle.
    """
    return order_recipes([load_recipe(path) for path in sorted(folder.glob("*.y*ml"))], folder)


def load_recipe(path: Path) -> Recipe:
    """Read one recipe file.

    Args:
        path: the file. `demonstrations: FILE.yaml` and `draws: {NAME: FILE.yaml}` take in files beside it,
            `worlds: [NAME]` those of `../worlds/`.

    Returns:
        The recipe, its version a hash of the file and of all that it takes in.

    Raises:
        PromptError: naming the file, line and key that is wrong.
    """
    source, values = read_yaml(path)
    sources = [source]
    if isinstance(values, dict):
        for key, take_in in _TAKEN_IN.items():
            if key in values:
                values[key], more = take_in(path, source, values[key])
                sources += more
    content = validate_yaml(path, source, values, RecipeFile)
    inferring = path.parent.parent / SEED_PROMPT_FILE
    if content.demonstrations_without_persona() and inferring.is_file():
        # Their personas are inferred by that prompt, so an edit of it makes other rows.
        sources.append(inferring.read_bytes())
    return Prompt(path.stem, hash_files(*sources), content)


def load_demonstrations(path: Path, recipe: RecipeFile) -> list[Demonstration]:
    """Read a file of demonstrations of one's own, in place of those of a recipe.

    Args:
        path: a YAML list, or a JSONL file. Each item has `values` and `answer`, or `persona` and `answer`, or `persona`
            and the fields of the answer.
        recipe: the recipe, which reads each answer as one of a model.

    Returns:
        The demonstrations; what the recipe draws and an item does not say is empty.

    Raises:
        PromptError: naming the file and what is wrong with which item.
    """
    items = _read_jsonl(path) if path.suffix == ".jsonl" else read_yaml(path)[1]
    if not isinstance(items, list) or not items:
        raise PromptError(f"{path} holds no list of demonstrations, each with persona and answer. Correct it.")
    unsaid = dict.fromkeys([*recipe.all_draws, *(f"{name}_text" for name in recipe.all_draws)], "")
    read: list[Demonstration] = []
    for number, item in enumerate(items, start=1):
        try:
            one = Demonstration.model_validate(_arrange(item, recipe))
            if recipe.fields:
                recipe.read_demonstration(one)
        except ValueError as error:
            problem = " ".join(str(error).split())[:300]
            raise PromptError(
                f"{path}: demonstration {number} does not fit recipe {recipe.asset}: {problem}."
            ) from None
        read.append(one.model_copy(update={"values": {**unsaid, **one.values}}))
    return read


def order_recipes(recipes: list[Recipe], folder: Path) -> list[Recipe]:
    """Order recipes so that each comes after the one it reads.

    PromptError for two of one asset, one that reads what nobody makes, or a circle.
    """
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
    if source != HUB:
        if source not in by_name:
            raise PromptError(f"Recipe {recipe.name} reads {source}; it may read {HUB} or another recipe's asset.")
        _add_in_order(by_name[source], by_name, ordered, (*path, name))
        _require_own(recipe, by_name[source])
    _require_columns(recipe, by_name.get(source))
    ordered[name] = recipe


def _require_own(recipe: Recipe, source: Recipe) -> None:
    own = recipe.content.agreement.own if recipe.content.agreement else None
    if own and own not in source.content.schema_class().column_names():
        raise PromptError(
            f"Recipe {recipe.name} compares answers with {own} (agreement.own), which is no column of"
            f" {source.content.asset}."
        )


def _require_columns(recipe: Recipe, source: Recipe | None) -> None:
    columns = source.content.schema_class().column_names() if source else SCHEMAS[HUB].column_names()
    for name, needed in SOURCE_COLUMNS.items():
        missing = [one for one in needed if one not in columns]
        if name in recipe.content.checks and missing:
            raise PromptError(
                f"Recipe {recipe.name}: the check {name} looks at {', '.join(missing)} of the row that was read, which"
                f" {recipe.content.reads} does not have. Leave the check out, or read a recipe that makes interfaces."
            )


def _read_jsonl(path: Path) -> list[Any]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise PromptError(f"{path} cannot be read as JSON lines: {error}. Correct it.") from None


def _arrange(item: Any, recipe: RecipeFile) -> Any:
    if not isinstance(item, dict) or "values" in item:
        return item
    is_flat = recipe.answer == "json" and set(recipe.fields) <= set(item)
    answer = {name: item[name] for name in recipe.fields} if is_flat else item.get("answer")
    values = {
        name: value for name, value in item.items() if name != "answer" and not (is_flat and name in recipe.fields)
    }
    return {"values": values, "answer": answer}


def _take_demonstrations(path: Path, _: bytes, value: Any) -> tuple[Any, list[bytes]]:
    if not isinstance(value, str):
        return value, []
    file = path.parent / value
    source, values = read_yaml(file)
    read = validate_yaml(file, source, {"demonstrations": values}, _DemonstrationFile)
    return [one.model_dump() for one in read.demonstrations], [source]


def _take_draws(path: Path, _: bytes, value: Any) -> tuple[Any, list[bytes]]:
    if not isinstance(value, dict):
        return value, []
    taken, sources = dict(value), []
    for name, options in value.items():
        if isinstance(options, str):
            file = path.parent / options
            source, values = read_yaml(file)
            read = validate_yaml(file, source, {"options": values}, _DrawFile)
            taken[name] = {label: option.model_dump() for label, option in read.options.items()}
            sources.append(source)
    return taken, sources


def _take_worlds(path: Path, source: bytes, value: Any) -> tuple[Any, list[bytes]]:
    folder, line = path.parent.parent / "worlds", find_line(source, ["worlds"])
    if not isinstance(value, list):
        raise PromptError(f"{path} is not well formed. worlds (line {line}): a list of names.")
    worlds, sources = {}, []
    for name in value:
        file = folder / f"{name}.yaml"
        if not file.is_file():
            known = ", ".join(sorted(one.stem for one in folder.glob("*.yaml"))) or "none"
            raise PromptError(
                f"{path} is not well formed. worlds (line {line}): {name} is no file of {folder}; there are {known}."
            )
        content, facts = read_yaml(file)
        worlds[name] = validate_yaml(file, content, facts, World).model_dump()
        sources.append(content)
    return worlds, sources


_TAKEN_IN = {"demonstrations": _take_demonstrations, "draws": _take_draws, "worlds": _take_worlds}
