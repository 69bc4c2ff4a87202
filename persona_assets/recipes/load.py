"""Reads the recipe files of a project, with the files that they take in: demonstrations and worlds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from persona_assets.errors import PromptError
from persona_assets.personas.persona_prompts import SEED_PROMPT_FILE
from persona_assets.prompts import Demonstration, Prompt, hash_files
from persona_assets.recipes.recipe import HUB, Recipe, RecipeFile
from persona_assets.recipes.worlds import World
from persona_assets.yaml_files import find_line, read_yaml, validate_yaml


class _DemonstrationFile(BaseModel):
    demonstrations: tuple[Demonstration, ...]


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
        path: the file. `demonstrations: FILE.yaml` takes in a file beside it, `worlds: [NAME]` those of `../worlds/`.

    Returns:
        The recipe, its version a hash of the file and of all that it takes in.

    Raises:
        PromptError: naming the file, line and key that is wrong.
    """
    source, values = read_yaml(path)
    sources = [source]
    if isinstance(values, dict):
        for key, take_in in (("demonstrations", _take_demonstrations), ("worlds", _take_worlds)):
            if key in values:
                values[key], more = take_in(path, source, values[key])
                sources += more
    content = validate_yaml(path, source, values, RecipeFile)
    inferring = path.parent.parent / SEED_PROMPT_FILE
    asked = (content, content.with_begun_answers())
    if any(one.demonstrations_without_persona() for one in asked) and inferring.is_file():
        # Their personas are inferred by that prompt, so an edit of it makes other rows.
        sources.append(inferring.read_bytes())
    return Prompt(path.stem, hash_files(*sources), content)


def order_recipes(recipes: list[Recipe], folder: Path) -> list[Recipe]:
    """Put recipes in an order in which each comes after the one it reads.

    Raises:
        PromptError: for two of one asset, one that reads what nobody makes, or a circle.
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
    ordered[name] = recipe


def _take_demonstrations(path: Path, _: bytes, value: Any) -> tuple[Any, list[bytes]]:
    if not isinstance(value, str):
        return value, []
    file = path.parent / value
    source, values = read_yaml(file)
    read = validate_yaml(file, source, {"demonstrations": values}, _DemonstrationFile)
    return [one.model_dump() for one in read.demonstrations], [source]


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
