"""The whole chain with the scripted model: what it makes, what it costs again, and that it repeats itself."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from persona_assets.lake import Lake
from persona_assets.row_checks import CHECKS
from persona_assets.settings import PACKAGE, Settings
from persona_assets.tables import WHOLE
from persona_assets_tests.graph.runs import (
    MIX,
    MODEL_BACKED,
    SHARD,
    SHARD_ASSETS,
    TALK,
    TRAINED_RECIPES,
    Chain,
    list_failed_checks,
    list_failures,
    list_materialised,
    make_settings,
    materialise_chain,
    read_files,
    read_metadata,
)

STRUCTURED = ("seed_personas", "expanded_personas", "character_profiles", "dialogues_r", "math_problems")
PLAIN = ("dialogues_g", "instructions", "persona_hub")


@pytest.fixture(scope="module", params=["few_recipes", pytest.param("sources", marks=pytest.mark.long)])
def faulty(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """The chain with a model that refuses, stops short and writes no JSON."""
    folder = tmp_path_factory.mktemp("faulty")
    shutil.copytree(request.getfixturevalue(request.param), folder, dirs_exist_ok=True)
    return materialise_chain(make_settings(folder, model={"name": "scripted/faulty"}))


def open_lake(chain: Chain | Settings) -> Lake:
    settings = chain.settings if isinstance(chain, Chain) else chain
    return Lake(settings.data / "lake")


def test_every_asset_is_materialised_and_every_check_passes(finished: Chain) -> None:
    assert list_failures(*finished.results) == {}
    assert list_failed_checks(*finished.results) == {}
    assert list_materialised(finished.instructions) == {"source_instructions"}
    assert list_materialised(finished.shard) == set(SHARD_ASSETS)
    assert list_materialised(finished.release) == {"sft_dataset"}
    checked = {
        check.asset_key.path[-1] for result in finished.results for check in result.get_asset_check_evaluations()
    }
    assert checked >= {*SHARD_ASSETS, "source_instructions"}


def test_every_materialisation_shows_rows_preview_and_account(finished: Chain) -> None:
    for asset, metadata in read_metadata(finished.shard).items():
        info = open_lake(finished).info(asset, SHARD)
        assert metadata["dagster/partition_row_count"] == info.rows
        assert metadata["planned"] == metadata["answered"] + metadata["refused"]
        assert metadata["parsed"] == info.rows + metadata["dropped"] + metadata["quarantined"]
        assert f"| rows | {info.rows} | |" in metadata["accounting"]
        assert metadata["preview"].startswith("- **" if info.rows else "_No rows._")
        assert len(metadata["preview"]) < 1000
        assert metadata["path"] == info.path
        if asset in MODEL_BACKED:
            assert metadata["model"] == "scripted/plain"
            assert metadata["calls"] > 0
            assert metadata["completion_tokens"] > 0
            assert metadata["cost_usd"] == "unknown"


def test_tiers_and_formats_are_metadata_of_structured_assets_alone(finished: Chain) -> None:
    metadata = read_metadata(finished.shard)
    lake = open_lake(finished)
    for asset in STRUCTURED:
        account, shown = lake.info(asset, SHARD).accounting, metadata[asset]
        assert account.tiers.total() > 0
        assert set(account.formats) == {"schema"}
        assert shown["schema_rate"] == 1
        rates = [shown[f"{tier}_rate"] for tier in ("clean", "repaired", "asked_again", "malformed")]
        assert sum(rates) == pytest.approx(1)
        assert shown["clean_rate"] == account.tiers["clean"] / account.tiers.total()
        assert f"| {account.formats['schema']} | schema {account.formats['schema']} |" in shown["structured_output"]
    assert all("structured_output" not in metadata[asset] for asset in PLAIN)


def test_one_reply_makes_several_rows_and_what_is_not_expanded_is_counted(finished: Chain) -> None:
    lake, settings = open_lake(finished), finished.settings.expansion
    account = lake.info("expanded_personas", SHARD).accounting
    rows = lake.scan("expanded_personas", SHARD).collect()
    of_one_reply = rows.group_by("response_keys").agg(pl.len(), pl.col("parent_id").n_unique())
    assert of_one_reply["len"].max() == settings.relatives == 2
    assert of_one_reply["parent_id"].max() == 1
    calls = read_metadata(finished.shard)["expanded_personas"]["calls"]
    assert account.answered == calls <= settings.rounds * (settings.max_frontier or 0)
    could_be = lake.info("seed_personas", SHARD).rows + rows.filter(pl.col("is_new") & (pl.col("round") == 1)).height
    assert 0 < account.skipped["max_frontier"] == could_be - account.answered


def test_every_check_says_how_many_rows_it_looked_at(finished: Chain) -> None:
    others = {"accounting", "balanced", "quality", "structured_output", "violations_rare"}
    lake = open_lake(finished)
    for check in finished.shard.get_asset_check_evaluations():
        facts = {name: value.value for name, value in check.metadata.items()}
        assert facts.keys() & {"rows", "replies"}
        if check.check_name not in others:
            rows = lake.info(check.asset_key.path[-1], SHARD).rows
            assert (facts["rows"], facts["wrong"]) == (rows, 0), check.check_name


def test_a_table_names_the_versions_that_it_was_made_of(finished: Chain) -> None:
    lake = open_lake(finished)
    hub = lake.info("persona_hub", SHARD)
    assert lake.info("character_profiles", SHARD).attributes["inputs"] == {"persona_hub": hub.data_version}
    assert lake.info("dialogues_g", SHARD).attributes["inputs"] == {
        "character_profiles": lake.info("character_profiles", SHARD).data_version,
        "instructions": lake.info("instructions", SHARD).data_version,
        "persona_hub": hub.data_version,
        "source_instructions": lake.info("source_instructions").data_version,
    }


def test_a_table_records_the_settings_that_decide_its_rows_and_no_other(finished: Chain) -> None:
    known = {
        f"{name}.{key}" for name, section in finished.settings for key in getattr(type(section), "model_fields", ())
    } | {f"checks.{name}" for name in CHECKS}
    lake = open_lake(finished)
    for asset in ("source_instructions", *SHARD_ASSETS):
        made_with = lake.info(asset, WHOLE if asset == "source_instructions" else SHARD).attributes.get("settings", {})
        assert {name for name in made_with if not name.startswith(f"tasks.{asset}.")} <= known
        assert made_with, asset
        for word in ("path", "url", "api", "concurrency", "attempts", "timeout"):
            assert not [name for name in made_with if word in name]


@pytest.mark.parametrize("asset", ["dialogues_r", "dialogues_g"])
def test_sessions_of_several_turns_are_played_whole(asset: str, finished: Chain) -> None:
    turns = open_lake(finished).scan(asset, SHARD).filter(pl.col("turns").list.len() == 4).collect()["turns"].to_list()
    assert turns
    for session in turns:
        assert [turn["role"] for turn in session] == ["user", "assistant"] * 2
        assert [turn["content"] for turn in session[::2]] == [question for question, _ in TALK]
        assert all(turn["content"] not in {answer for _, answer in TALK} for turn in session[1::2])


SECOND_RUN = """
import json, sys
from pathlib import Path
from persona_assets_tests.graph.runs import make_settings, materialise_chain, read_metadata
from persona_assets_tests.scripted import install_scripted_provider
install_scripted_provider()
metadata = read_metadata(materialise_chain(make_settings(Path(sys.argv[1]))).shard)
heavy = {"litellm", "torch", "sentence_transformers", "transformers", "openvino", "openvino_genai", "qdrant_client"}
counts = {asset: [values.get("calls"), values.get("cached_calls")] for asset, values in metadata.items()}
print(json.dumps({"counts": counts, "loaded": sorted(heavy & sys.modules.keys())}))
"""


def test_a_second_run_sends_nothing_loads_no_model_and_changes_no_byte(finished: Chain, copied: Settings) -> None:
    command = [sys.executable, "-c", SECOND_RUN, str(copied.data.parent)]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    before = read_metadata(finished.shard)
    assert {asset: told["counts"][asset] for asset in MODEL_BACKED} == {
        asset: [0, before[asset]["calls"] + before[asset]["cached_calls"]] for asset in MODEL_BACKED
    }
    assert told["loaded"] == []
    assert_equal_outputs(finished.settings.data, copied.data)


def test_two_fresh_folders_give_the_same_bytes(finished: Chain, empty: Settings) -> None:
    materialise_chain(empty)
    assert_equal_outputs(finished.settings.data, empty.data)


def assert_equal_outputs(one: Path, other: Path) -> None:
    for folder in ("lake", "sft_dataset"):
        left, right = read_files(one / folder), read_files(other / folder)
        assert list(left) == list(right)
        assert [name for name in left if left[name] != right[name]] == []


def test_the_release_is_a_dataset(finished: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    folder = finished.settings.data / "sft_dataset" / MIX
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path))
    counts = read_metadata(finished.release)["sft_dataset"]
    assert {split: loaded[split].num_rows for split in loaded} == {
        split: counts[split] for split in ("train", "validation") if counts[split]
    }
    example = loaded["train"][0]
    assert [message["role"] for message in example["messages"]][-1] == "assistant"
    assert set(loaded["train"]["task"]) | set(loaded.get("validation", {"task": []})["task"]) == {
        "dialogues_r",
        "dialogues_g",
        *TRAINED_RECIPES,
    }


def test_a_faulty_model_costs_rows_and_nothing_else(faulty: Chain) -> None:
    assert list_failures(*faulty.results) == {}
    assert list_failed_checks(*faulty.results) == {}
    lake = open_lake(faulty)
    refused = []
    for asset in list_materialised(faulty.shard) & set(MODEL_BACKED):
        info = lake.info(asset, SHARD)
        assert info.accounting.find_imbalance() is None
        assert info.accounting.rows == info.rows
        quarantine = lake.scan_quarantine(asset, SHARD).collect()
        by_reason = dict(quarantine.group_by("reason").len().iter_rows())
        assert by_reason == dict(info.accounting.quarantined)
        refused.append(quarantine)
    rows = pl.concat(refused)
    assert set(rows["reason"]) >= {"refusal", "truncated", "empty"}
    # An empty answer has no text, everything else shows what was refused.
    assert rows.filter(pl.col("raw").str.len_chars() > 0).height > rows.height / 2
    assert rows["response_key"].null_count() == 0
