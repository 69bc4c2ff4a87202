"""Worlds: a character's places and factions are theirs."""

import shutil
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from persona_assets.recipes.load import load_recipes
from persona_assets.recipes.recipe import RecipeFile
from persona_assets.recipes.worlds import World

ISLE = {"title": "The Isle", "facts": "Fog.", "places": {"Bellhaven": "a town"}, "factions": {"Dredgers": "they sell"}}
COAST = {**ISLE, "title": "The Coast", "places": {"Salt Stair": "steps"}, "lore": "A long tale.", "names": ["Low"]}
RECIPE = {
    "asset": "npcs",
    "description": "Characters.",
    "user": "{{ world.title }} {{ world.lore }} {{ persona }}",
    "worlds": ["isle", "coast"],
    "answer": "json",
    "fields": {
        "place": {"description": "x", "from_world": "places"},
        "faction": {"description": "x", "from_world": "factions"},
    },
}


def write(folder: Path) -> Path:
    for name, content in (("worlds/isle", ISLE), ("worlds/coast", COAST), ("recipes/npcs", RECIPE)):
        path = folder / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder / "recipes"


def load(folder: Path) -> RecipeFile:
    return load_recipes(write(folder))[0].content


def test_an_answer_may_only_name_places_and_factions_of_its_world(tmp_path: Path) -> None:
    recipe = load(tmp_path)
    values = {"place": "Bellhaven", "faction": "Dredgers"}
    assert recipe.answer_model("isle").model_validate(values)
    with pytest.raises(ValidationError, match="place"):
        recipe.answer_model("coast").model_validate(values)


def test_a_world_is_drawn_and_its_title_stands_in_the_row(tmp_path: Path) -> None:
    recipe = load(tmp_path)
    assert recipe.drawn_columns == ["world", "world_title"]
    assert {name: option.text for name, option in recipe.all_draws["world"].items()} == {
        "isle": "The Isle",
        "coast": "The Coast",
    }


def test_a_world_needs_places_and_factions() -> None:
    with pytest.raises(ValueError, match="places"):
        World(title="Nowhere", facts="Nothing.", places={}, factions={"A": "b"})


def test_the_file_of_a_world_belongs_to_the_recipes_version(tmp_path: Path) -> None:
    folder = write(tmp_path)
    before = load_recipes(folder)[0].version
    path = tmp_path / "worlds" / "isle.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("Fog", "Sun"), encoding="utf-8")
    assert load_recipes(folder)[0].version != before


def test_a_world_that_is_no_file_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path)
    shutil.move(tmp_path / "worlds" / "isle.yaml", tmp_path / "worlds" / "island.yaml")
    with pytest.raises(Exception, match=r"isle is no file of .*; there are coast, island"):
        load_recipes(folder)
