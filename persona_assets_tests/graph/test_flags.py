"""Flagged rows stay in their tables, go no further, and come back by a setting."""

from pathlib import Path
from typing import Any

import polars as pl

from persona_assets.lake import Lake
from persona_assets.settings import Settings
from persona_assets_tests.graph.runs import (
    SHARD,
    list_failures,
    make_settings,
    materialise_shard,
    read_metadata,
    write_documents,
    write_instructions,
)

HUB = ("persona_hub", "hub_duplicates")


def make_project(folder: Path, **sections: Any) -> Settings:
    write_documents(folder / "corpus" / f"{SHARD}.jsonl", range(3))
    write_instructions(folder / "instructions" / "few.jsonl")
    # No persona is so short.
    return make_settings(folder, checks={"too_long": {"words": 1}}, expansion={"rounds": 1}, **sections)


def test_flagged_personas_stay_out_of_the_hub_until_a_setting_lets_them_in(tmp_path: Path) -> None:
    result = materialise_shard(make_project(tmp_path), SHARD, "web_text", "seed_personas", "expanded_personas", *HUB)
    assert list_failures(result) == {}
    lake = Lake(tmp_path / "data" / "lake")
    seeds = lake.info("seed_personas", SHARD).accounting
    assert (seeds.rows, seeds.flagged, dict(seeds.flags)) == (3, 3, {"too_long": 3})
    assert lake.info("expanded_personas", SHARD).rows == 0
    hub = lake.info("persona_hub", SHARD)
    assert (hub.rows, dict(hub.accounting.dropped)) == (0, {"flagged": 3})
    assert hub.attributes["settings"]["hub.exclude_flags"] == ["*"]

    # Neither the table of seeds is made anew, nor anybody asked.
    settings = make_project(tmp_path, hub={"exclude_flags": ["no_person"]})
    result = materialise_shard(settings, SHARD, *HUB)
    assert list_failures(result) == {}
    hub = lake.info("persona_hub", SHARD)
    assert (hub.rows, hub.accounting.dropped.total(), hub.accounting.flagged) == (3, 0, 3)
    assert read_metadata(result)["persona_hub"]["flagged"] == 3
    assert (
        lake.scan("persona_hub", SHARD).select(pl.col("flags").list.join(",")).collect()["flags"].to_list()
        == ["too_long"] * 3
    )
