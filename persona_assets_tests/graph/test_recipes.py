"""A recipe is a YAML file: put there, it is an asset with rows, checks and a place in the release."""

import polars as pl
import pytest

from persona_assets.definitions import build_definitions
from persona_assets.errors import PromptError
from persona_assets.lake import Lake
from persona_assets.settings import Settings
from persona_assets_tests.graph.runs import (
    MIX,
    SHARD,
    list_failed_checks,
    list_failures,
    list_materialised,
    materialise_release,
    materialise_shard,
    read_metadata,
)

RIDDLES = """
asset: riddles
description: A riddle that a persona would tell.
system: You write one riddle and its answer.
user: "Person: {{ persona | plain }}"
demonstrations:
  - values: {persona: A lighthouse keeper who reads at night.}
    answer: '{"riddle": "What turns all night and never gets dizzy?", "answer": "The lamp of a lighthouse."}'
answer: json
fields:
  riddle: {description: The question., min_length: 10}
  answer: {description: What it is., min_length: 2}
sft: {user: "{{ riddle }}", assistant: "{{ answer }}"}
max_tokens: 200
"""


@pytest.fixture
def settings(copied: Settings) -> Settings:
    """The finished project with a recipe more."""
    (copied.prompts / "recipes" / "riddles.yaml").write_text(RIDDLES)
    return copied


def test_a_file_more_is_an_asset_more(settings: Settings) -> None:
    result = materialise_shard(settings, SHARD, "riddles", "sft_mix")
    assert list_failures(result) == {}
    assert list_failed_checks(result) == {}
    assert list_materialised(result) == {"riddles", "sft_mix"}
    lake = Lake(settings.data / "lake")
    hub = lake.scan("persona_hub", SHARD).collect()
    riddles = lake.scan("riddles", SHARD).collect()
    assert riddles["persona_id"].to_list() == hub["persona_id"].to_list()
    candidates = lake.scan("sft_mix", SHARD).filter(pl.col("task") == "riddles").collect()
    assert [[turn["content"] for turn in turns] for turns in candidates["messages"].to_list()] == [
        list(pair) for pair in riddles.select("riddle", "answer").iter_rows()
    ]

    # A mix that does not name the task leaves it out, and says so.
    tasks = read_metadata(materialise_release(settings))["sft_dataset"]["tasks"]
    assert "| task | train | validation | not_in_mix |" in tasks
    assert f"| riddles | 0 | 0 | {riddles.height} |" in tasks

    mix = settings.prompts / "mixes" / f"{MIX}.yaml"
    mix.write_text(mix.read_text().replace("weights:", "weights:\n  riddles: 1.0"))
    materialise_release(settings)
    released = pl.scan_parquet(settings.data / "sft_dataset" / MIX / "*.parquet").collect()
    assert released.filter(pl.col("task") == "riddles").height == riddles.height


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("asset: riddles", "asset: persona_hub"), "persona_hub is an asset of the pipeline already"),
        (("asset: riddles", "asset: riddles\nreads: web_text"), "riddles reads web_text; it may read"),
        (("asset: riddles", "asset: math_problems"), "make the same asset"),
        (("answer: json", "answer: [json"), "riddles.yaml is no valid YAML"),
    ],
)
def test_a_recipe_that_cannot_be_is_named(change: tuple[str, str], message: str, settings: Settings) -> None:
    (settings.prompts / "recipes" / "riddles.yaml").write_text(RIDDLES.replace(*change))
    with pytest.raises(PromptError, match=message):
        build_definitions(settings)
