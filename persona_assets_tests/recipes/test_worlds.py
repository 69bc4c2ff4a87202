"""Worlds: a character's places and factions are theirs."""

from pathlib import Path

import pytest

from persona_assets.recipes.checks import CHECKS
from persona_assets.recipes.load import load_recipes
from persona_assets.recipes.worlds import World
from persona_assets_tests.asking import PROMPTS

RECIPE = next(one for one in load_recipes(PROMPTS / "recipes") if one.content.asset == "game_npcs").content
WORLDS = RECIPE.worlds
EMBERREACH = WORLDS["emberreach"]
GOOD = {
    "name": "Tam Sedge",
    "place": "Saltmere",
    "faction": "Pass Runners",
    "description": "Tam guides carts from Saltmere over the Ninefold Pass and knows when the mountain will breathe.",
    "meeting": 'Offers a coal from a lamp of Hollowglass and asks for rope. "Walk in my steps."',
}


def check(**changes: str) -> str | None:
    return CHECKS["belongs_to_world"]({**GOOD, **changes}, {"world": EMBERREACH.model_dump()})


def test_there_are_two_worlds_of_our_own_and_two_fact_sheets() -> None:
    assert set(WORLDS) == {"emberreach", "nine_rivers", "azeroth", "moonlight_blade"}


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({}, None),
        ({"place": "the ashen terraces"}, None),
        ({"place": "Stormwind"}, "not_of_this_world: Stormwind"),
        ({"faction": "Horde"}, "not_of_this_world: Horde"),
        ({"description": "She left the Guild of Ash for the Glass Guild."}, "not_of_this_world: Guild of Ash"),
        ({"meeting": "Waits in Silver Harbour with a letter."}, "not_of_this_world: Silver Harbour"),
        ({"meeting": "Was at the First Ember with Orla Venn, at the gate."}, None),
        ({"meeting": "They offer warmth first, a place at the fire or a coal for the lamp, and wait."}, "copies_world"),
        ({"name": "Moss Tower", "meeting": "Moss Tower waves from afar."}, None),
    ],
)
def test_places_and_factions_exist(changes: dict[str, str], flaw: str | None) -> None:
    assert check(**changes) == flaw


def test_each_world_knows_its_own_names() -> None:
    for world in WORLDS.values():
        text = ", ".join((world.facts, world.manner, *world.names, *world.places, *world.factions))
        assert world.find_invented(text, "") == []


def test_an_answer_may_only_name_places_and_factions_of_its_world() -> None:
    from pydantic import ValidationError

    model = RECIPE.answer_model("emberreach")
    values = {**GOOD, "description": GOOD["description"] * 2}
    assert model.model_validate(values)
    with pytest.raises(ValidationError, match="place"):
        model.model_validate({**values, "place": "Stormwind"})
    assert RECIPE.answer_model("azeroth").model_validate({**values, "place": "Stormwind", "faction": "Horde"})


def test_a_world_needs_places_and_factions() -> None:
    with pytest.raises(ValueError, match="places"):
        World(title="Nowhere", facts="Nothing.", places={}, factions={"A": "b"})


def test_the_file_of_a_world_belongs_to_the_recipes_version(tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "prompts"
    shutil.copytree(PROMPTS, folder)

    def version() -> str:
        return next(one for one in load_recipes(folder / "recipes") if one.content.asset == "game_npcs").version

    before = version()
    path = folder / "worlds" / "emberreach.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("five months", "six months"), encoding="utf-8")
    assert version() != before
