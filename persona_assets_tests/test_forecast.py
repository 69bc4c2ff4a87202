"""The arithmetic of a forecast."""

from collections.abc import Mapping
from typing import Any

import pytest

from persona_assets.forecast import AssetForecast, Flow, Rates, ShardSize, assume_rates, forecast_shard
from persona_assets.prompts import PromptFile
from persona_assets.recipes.load import load_recipes
from persona_assets.settings import PACKAGE, load_settings

ALL_GO_ON = Flow()
RECIPES = load_recipes(PACKAGE.parent / "prompts" / "recipes")
ASSETS = (
    *("seed_personas", "expanded_personas", "character_profiles", "dialogues_r", "dialogues_g"),
    *(recipe.content.asset for recipe in RECIPES),
)
RATES = {asset: Rates(0.5, 2.0, 100.0, 10.0, 0.01, "sample") for asset in ASSETS}


def forecast(
    size: ShardSize, flow: Flow = ALL_GO_ON, rates: Mapping[str, Rates] = RATES, **overrides: Any
) -> dict[str, AssetForecast]:
    settings = load_settings(model={"name": "openai/gpt-4o-mini"}, **overrides)
    return {one.asset: one for one in forecast_shard(size, rates, flow, RECIPES, settings)}


def test_rows_go_from_asset_to_asset() -> None:
    found = forecast(ShardSize(100, 0, (40, 10)), expansion={"rounds": 2})
    assert found["seed_personas"].tasks == 100
    # 50 seeds, then the 25 that they led to.
    assert found["expanded_personas"].tasks == 75
    # 50 + 37.5 in the hub, half of them characters.
    assert found["character_profiles"].tasks == found["math_problems"].tasks == 88
    assert found["math_solutions"].tasks == 44
    # No more sessions than there are, three characters each; G answers what 44 personas ask, too.
    assert (found["dialogues_r"].tasks, found["dialogues_g"].tasks) == (30, 3 * (40 + 44))
    assert all(one.calls == pytest.approx(2 * one.tasks, abs=1) for one in found.values())


def test_limits_and_shares_hold() -> None:
    found = forecast(
        ShardSize(100, 0, (400, 400)),
        Flow(new=0.5, kept=0.8),
        expansion={"rounds": 3, "max_frontier": 20, "relatives": 2},
        characters={"limit": 10},
        dialogues={"per_character": 2, "characters_per_session": 1},
        tasks={"math_problems": {"limit": 7}, "dialogues_g": {"limit": 4}},
    )
    # 20 calls, half a row each, of which half are new: 5, then 1.25.
    assert found["expanded_personas"].tasks == 26
    assert found["character_profiles"].tasks == 10
    assert (found["dialogues_r"].tasks, found["dialogues_g"].tasks) == (10, 4)
    assert found["math_problems"].tasks == 7


def test_what_the_shard_s_own_personas_ask_is_asked_where_there_are_too_few_sessions() -> None:
    found = forecast(
        ShardSize(100, 0, (10, 10)),
        expansion={"rounds": 0},
        dialogues={"per_character": 1, "characters_per_session": 1, "own_instructions": 0.5},
    )
    # 50 in the hub, 25 characters, 25 instructions: half of 25 dialogues are about those, and of the rest 10 are there.
    assert found["dialogues_g"].tasks == 12 + 10
    assert found["dialogues_r"].tasks == 10


def test_no_more_are_expanded_in_a_round_than_seeds_are_taken() -> None:
    found = forecast(
        ShardSize(0, 100, (4, 4)),
        rates={**RATES, "expanded_personas": Rates(3.0, 1.0, 1.0, 1.0, 0.0, "sample")},
        expansion={"rounds": 3},
        tasks={"expanded_personas": {"limit": 10}},
    )
    assert found["expanded_personas"].tasks == 30


def test_a_call_for_several_rows_is_one_call() -> None:
    settings = load_settings(model={"name": "openai/gpt-4o-mini"}, seed_personas={"per_document": 2})
    seeds = assume_rates(PromptFile(description="", user="Who?"), settings, "seed_personas", 100)
    assert (seeds.rows, seeds.calls) == (2, 1)
    votes = next(recipe.content for recipe in RECIPES if recipe.content.agreement)
    assert assume_rates(votes, settings, votes.asset, 100).calls == votes.candidates


def test_what_is_stored_costs_nothing() -> None:
    found = forecast(ShardSize(10, 0, (4, 4), {"seed_personas": 15, "math_problems": 10_000}))
    seeds, problems = found["seed_personas"], found["math_problems"]
    assert (seeds.calls, seeds.stored, seeds.read, seeds.written) == (20, 15, 500, 50)
    assert seeds.cost == pytest.approx(0.05)
    assert problems.stored == problems.calls
    assert problems.cost == 0


def test_a_persona_file_asks_for_no_seeds() -> None:
    found = forecast(ShardSize(0, 30, (4, 4)), expansion={"rounds": 1})
    assert "seed_personas" not in found
    assert found["expanded_personas"].tasks == 30


def test_an_unknown_price_stays_unknown() -> None:
    rates = {**RATES, "dialogues_g": Rates(1.0, 1.0, 10.0, 10.0, None, "sample")}
    found = forecast(ShardSize(10, 0, (4, 4)), rates=rates)
    assert found["dialogues_g"].cost is None
    assert found["dialogues_r"].cost is not None
