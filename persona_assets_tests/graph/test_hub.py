"""The hub over two shards, with the packaged embedding model: what only meaning tells, and what a search may miss."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import ExecuteInProcessResult

from persona_assets.dedup.text import jaccard, normalise, tokenise
from persona_assets.index.edge import EdgeIndex
from persona_assets.index.qdrant import PersonaIndex
from persona_assets.lake import Lake
from persona_assets.settings import Settings
from persona_assets_tests.graph.runs import (
    list_failed_checks,
    list_failures,
    list_materialised,
    make_settings,
    materialise_shard,
    read_metadata,
    write_instructions,
    write_rows,
)

HUB = ("web_text", "seed_personas", "expanded_personas", "persona_hub", "hub_duplicates")
NURSE = "A night nurse who counts her steps between the ward and the pharmacy"
SAME_NURSE = "A nurse on the night shift who counts the steps between ward and pharmacy"
BEEKEEPER = "A beekeeper who sells honey at the weekly market"
GARDENER = "A gardener who sells honey at the weekly market"


def make_project(folder: Path, **sections: Any) -> Settings:
    write_rows(folder / "corpus" / "first.jsonl", [{"persona": NURSE}, {"persona": BEEKEEPER}])
    write_rows(folder / "corpus" / "second.jsonl", [{"persona": SAME_NURSE}, {"persona": GARDENER}])
    write_instructions(folder / "instructions" / "few.jsonl")
    return make_settings(folder, expansion={"rounds": 0}, **sections)


def decide_both(settings: Settings, *more: str) -> tuple[ExecuteInProcessResult, ExecuteInProcessResult]:
    """Materialise the hub of the first shard, then that of the second and what else is named."""
    instance = dg.DagsterInstance.ephemeral()
    return (
        materialise_shard(settings, "first", *HUB, instance=instance),
        materialise_shard(settings, "second", *HUB, *more, instance=instance),
    )


def read_personas(settings: Settings, shard: str) -> list[str]:
    personas: list[str] = Lake(settings.data / "lake").scan("persona_hub", shard).collect()["persona"].to_list()
    return personas


def read_search(result: ExecuteInProcessResult) -> dict[str, Any]:
    names = ("search", "sampled_rows", "violations", "violation_rate")
    return {name: read_metadata(result)["persona_hub"][name] for name in names}


def test_a_persona_is_dropped_for_one_of_another_shard_by_its_meaning_alone(tmp_path: Path) -> None:
    same, other = (tokenise(normalise(text)) for text in (SAME_NURSE, NURSE))
    assert jaccard(same, other) < 0.9
    settings = make_project(tmp_path)
    results = decide_both(settings)
    assert list_failures(*results) == {}
    assert set(list_failed_checks(*results)) == {("expanded_personas", "accounting")}
    assert read_personas(settings, "first") == [NURSE, BEEKEEPER]
    # Nearer in words than the nurse, and farther in meaning: 0.86 is not 0.9.
    assert read_personas(settings, "second") == [GARDENER]
    lake = Lake(settings.data / "lake")
    kept = lake.scan("persona_hub", "first").collect()
    (duplicate,) = lake.scan("hub_duplicates", "second").collect().to_dicts()
    assert (duplicate["persona"], duplicate["kept_persona"], duplicate["stage"]) == (SAME_NURSE, NURSE, "embedding")
    assert duplicate["kept_id"] == kept["persona_id"][0]
    assert duplicate["score"] == pytest.approx(0.936, abs=0.002)


@pytest.mark.parametrize(("exact_rows", "search", "sampled"), [(1_000, "exhaustive", 0), (0, "approximate", 1)])
def test_every_materialisation_says_how_it_was_searched(
    exact_rows: int, search: str, sampled: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EdgeIndex, "compares_all", False)  # as a server is
    results = decide_both(make_project(tmp_path, hub={"exact_rows": exact_rows}))
    assert list_failures(*results) == {}
    assert read_search(results[1]) == {
        "search": search, "sampled_rows": sampled, "violations": 0, "violation_rate": 0
    }  # fmt: skip
    (check,) = (found for found in results[1].get_asset_check_evaluations() if found.check_name == "violations_rare")
    assert check.passed
    assert {name: value.value for name, value in check.metadata.items()} == {
        "kept": 1, "rows": sampled, "violations": 0, "rate": 0
    }  # fmt: skip


def test_a_search_that_misses_too_much_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = PersonaIndex.find_nearest

    def miss(self: PersonaIndex, *question: Any, exact: bool | None = None) -> Any:
        return find(self, *question, exact=True) if exact else [[] for _ in question[0]]

    monkeypatch.setattr(PersonaIndex, "find_nearest", miss)
    monkeypatch.setattr(EdgeIndex, "compares_all", False)
    settings = make_project(tmp_path, hub={"exact_rows": 0})
    _, result = decide_both(settings, "character_profiles")
    assert read_personas(settings, "second") == [SAME_NURSE, GARDENER]
    assert read_search(result) == {
        "search": "approximate", "sampled_rows": 2, "violations": 1, "violation_rate": 0.5
    }  # fmt: skip
    message = list_failed_checks(result)["persona_hub", "violations_rare"]
    assert "1 of 2 kept personas that were searched again are duplicates" in message
    assert "raise hub.exact_rows" in message
    assert list(list_failures(result)) == ["check_persona_hub"]
    assert "character_profiles" not in list_materialised(result)
