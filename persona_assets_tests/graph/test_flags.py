"""Flagged rows: they stay in their tables, are not passed on, and come back by a setting without a call."""

from pathlib import Path
from typing import Any

import polars as pl

from persona_assets.lake import Lake
from persona_assets.settings import Settings
from persona_assets_tests.graph.runs import (
    MIX,
    SHARD,
    list_failed_checks,
    list_failures,
    make_settings,
    materialise_release,
    materialise_shard,
    read_metadata,
)

HUB = ("web_text", "seed_personas", "expanded_personas", "persona_hub", "hub_duplicates")
DOUBTFUL = {"model": "scripted/doubtful"}
IS_FLAGGED = pl.col("flags").list.len() > 0


def read_ids(settings: Settings, asset: str, *keep: pl.Expr) -> set[str]:
    table = Lake(settings.data / "lake").scan(asset, SHARD).filter(*keep).collect()
    return set(table[table.columns[0]])


def test_a_flagged_persona_comes_into_the_hub_by_a_setting_alone(empty: Settings, tmp_path: Path) -> None:
    sections: dict[str, Any] = {"tasks": {"seed_personas": DOUBTFUL}, "expansion": {"rounds": 0}}
    strict = make_settings(tmp_path, **sections)
    assert list_failures(materialise_shard(strict, SHARD, *HUB)) == {}
    flagged = read_ids(strict, "seed_personas", IS_FLAGGED)
    assert flagged
    assert read_ids(strict, "seed_personas") > flagged
    assert read_ids(strict, "persona_hub").isdisjoint(flagged)
    lake = Lake(strict.data / "lake")
    assert lake.info("seed_personas", SHARD).accounting.flags["repetition"] == len(flagged)
    assert lake.info("persona_hub", SHARD).accounting.dropped["flagged"] == len(flagged)

    generous = make_settings(tmp_path, hub={"exclude_flags": []}, **sections)
    result = materialise_shard(generous, SHARD, *HUB)
    assert list_failures(result) == {}
    assert read_metadata(result)["seed_personas"]["calls"] == 0
    assert read_ids(generous, "persona_hub") == read_ids(generous, "seed_personas")
    assert lake.scan("persona_hub", SHARD).filter(IS_FLAGGED).collect().height == len(flagged)
    assert empty.prompts == generous.prompts


def test_a_flagged_row_comes_into_the_release_by_its_mix_alone(copied: Settings, tmp_path: Path) -> None:
    settings = make_settings(tmp_path, tasks={"knowledge_texts": DOUBTFUL})
    result = materialise_shard(settings, SHARD, "knowledge_texts", "sft_mix")
    assert (list_failures(result), list_failed_checks(result)) == ({}, {})
    flagged = read_ids(settings, "knowledge_texts", IS_FLAGGED)
    assert flagged
    candidates = Lake(settings.data / "lake").scan("sft_mix", SHARD)
    assert set(candidates.filter(IS_FLAGGED).collect()["source_row_id"]) == flagged

    assert list_failures(materialise_release(settings)) == {}
    assert read_release(copied).isdisjoint(flagged)
    mix = copied.prompts / "mixes" / f"{MIX}.yaml"
    mix.write_text(mix.read_text().replace('exclude_flags: ["*"]', "exclude_flags: []"))
    release = materialise_release(settings)
    assert list_failures(release) == {}
    assert "calls" not in read_metadata(release)["sft_dataset"]
    assert read_release(copied) >= flagged


def read_release(settings: Settings) -> set[str]:
    return set(pl.read_parquet(settings.data / "sft_dataset" / MIX / "*.parquet")["source_row_id"])
