"""Several shards: one hub, one release, and no shard that touches another's files."""

import shutil
from pathlib import Path

import dagster as dg
import polars as pl

from persona_assets.definitions import build_definitions
from persona_assets.lake import Lake
from persona_assets.resources import Project
from persona_assets.settings import Settings
from persona_assets_tests.graph.runs import (
    MIX,
    SHARD,
    list_failed_checks,
    list_failures,
    make_settings,
    materialise_release,
    materialise_shard,
    read_files,
    read_metadata,
    write_documents,
    write_rows,
)
from persona_assets_tests.scripted import teach

HUB = ("web_text", "seed_personas", "expanded_personas", "persona_hub", "hub_duplicates")
PILOT = "A retired ferry pilot who keeps careful tables of how the old river rises and falls in every season of a year"
BAKER = "A village baker who compares four kinds of flour in a kitchen that is never warm"
NURSE = "A night nurse who counts her steps between the ward and the pharmacy"


def read_shard(files: dict[str, bytes], shard: str) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if Path(name).stem == shard}


def test_two_shards_share_a_hub_and_a_split(copied: Settings, tmp_path: Path) -> None:
    mix = copied.prompts / "mixes" / f"{MIX}.yaml"
    mix.write_text(mix.read_text().replace("validation_share: 0.05", "validation_share: 0.6"))
    # The first two are asked as the small shard asked for them: the same text, the same relation, the same persona.
    write_documents(tmp_path / "corpus" / "later.jsonl", [0, 1, 6, 7])
    before = read_files(copied.data / "lake")
    instance = dg.DagsterInstance.ephemeral()
    result = materialise_shard(copied, "later", instance=instance)

    assert list_failures(result) == {}
    assert list_failed_checks(result) == {}
    lake = Lake(copied.data / "lake")
    assert read_files(Path(lake.root)).items() >= before.items()
    duplicates = lake.scan("hub_duplicates", "later").collect()
    small = lake.scan("persona_hub", SHARD).collect()
    assert duplicates.filter(pl.col("kept_id").is_in(small["persona_id"].implode())).height >= 2
    assert set(duplicates["persona_id"]).isdisjoint(lake.scan("persona_hub", "later").collect()["persona_id"])
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert checks["no_near_duplicates"].metadata["shards_compared"].value == 2

    later = read_shard(read_files(Path(lake.root)), "later")
    again = materialise_shard(copied, SHARD, "persona_hub", "hub_duplicates", "character_profiles", instance=instance)
    assert list_failures(again) == {}
    assert read_shard(read_files(Path(lake.root)), "later") == later
    assert read_files(Path(lake.root)).items() >= before.items()

    release = materialise_release(copied, instance)
    assert read_metadata(release)["sft_dataset"]["shards"] == 2
    sides = [
        set(pl.read_parquet(copied.data / "sft_dataset" / MIX / f"{split}.parquet")["family_id"])
        for split in ("train", "validation")
    ]
    assert all(sides)
    assert sides[0].isdisjoint(sides[1])


def test_a_published_persona_set_enters_without_a_model_call(tmp_path: Path) -> None:
    def refuse(_: object) -> str:
        raise AssertionError("a model was asked")

    write_rows(tmp_path / "corpus" / "first.jsonl", [{"persona": PILOT}, {"persona": BAKER}])
    write_rows(
        tmp_path / "corpus" / "second.jsonl",
        [{"persona": f"“{BAKER.upper()}!”"}, {"persona": f"{PILOT} again"}, {"persona": NURSE}, {"persona": None}],
    )
    settings = make_settings(tmp_path, model={"name": teach("never-asked", refuse)}, expansion={"rounds": 0})
    write_rows(tmp_path / "instructions" / "one.jsonl", [{"instruction": "Say when.", "output": "Now."}])
    instance = dg.DagsterInstance.ephemeral()
    lake = Lake(settings.data / "lake")
    for key in ("first", "second"):
        result = materialise_shard(settings, key, *HUB, instance=instance)
        assert list_failures(result) == {}
        assert set(list_failed_checks(result)) <= {("expanded_personas", "accounting")}
        assert read_metadata(result)["seed_personas"]["calls"] == 0
        assert read_metadata(result)["web_text"]["dagster/partition_row_count"] == 0
    account = lake.info("seed_personas", "second").accounting
    assert (account.rows, dict(account.dropped)) == (3, {"empty": 1})
    assert lake.scan("persona_hub", "second").collect()["persona"].to_list() == [NURSE]
    duplicates = lake.scan("hub_duplicates", "second").select("stage", "kept_persona").collect().rows()
    assert duplicates == [("exact", BAKER), ("minhash", PILOT)]

    # A shard that comes back smaller takes its own away and nothing else's.
    second = read_shard(read_files(Path(lake.root)), "second")
    write_rows(tmp_path / "corpus" / "first.jsonl", [{"persona": PILOT}])
    assert list_failures(materialise_shard(settings, "first", *HUB, instance=instance)) == {}
    assert lake.scan("persona_hub", "first").collect()["persona"].to_list() == [PILOT]
    assert read_shard(read_files(Path(lake.root)), "second") == second
    # What was its duplicate is decided anew when its shard is.
    assert list_failures(materialise_shard(settings, "second", *HUB, instance=instance)) == {}
    assert lake.scan("persona_hub", "second").collect().height == 2


def test_a_large_file_becomes_several_shards(empty: Settings, tmp_path: Path) -> None:
    settings = make_settings(tmp_path, corpus={"max_documents": 4})
    keys = [shard.key for shard in Project(settings).discover().shards]
    assert keys == [SHARD, f"{SHARD}.0001"]
    for key in keys:
        assert list_failures(materialise_shard(settings, key, "web_text")) == {}
    tables = [Lake(empty.data / "lake").scan("web_text", key).collect()["source_id"].to_list() for key in keys]
    assert tables == [["d0", "d1", "d2", "d3"], ["d4", "d5"]]


def test_the_sensor_registers_new_files(empty: Settings, tmp_path: Path) -> None:
    definitions = build_definitions(empty)
    sensor = definitions.get_sensor_def("register_corpus_shards")
    instance = dg.DagsterInstance.ephemeral()

    def tick() -> dg.SensorResult | dg.SkipReason:
        context = dg.build_sensor_context(instance=instance, resources={"project": Project(empty)})
        answer = sensor(context)
        assert isinstance(answer, dg.SensorResult | dg.SkipReason)
        for request in getattr(answer, "dynamic_partitions_requests", None) or ():
            instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        return answer

    assert isinstance(tick(), dg.SensorResult)
    assert instance.get_dynamic_partitions("corpus_shard") == [SHARD]
    quiet = tick()
    assert isinstance(quiet, dg.SkipReason)
    assert "No new file; 1 shards are registered" in (quiet.skip_message or "")
    write_documents(tmp_path / "corpus" / "a-new-one.jsonl", [6])
    assert isinstance(tick(), dg.SensorResult)
    assert instance.get_dynamic_partitions("corpus_shard") == [SHARD, "a-new-one"]
    shutil.rmtree(tmp_path / "corpus")
    gone = tick()
    assert isinstance(gone, dg.SkipReason)
    assert "does not exist" in (gone.skip_message or "")


def test_a_vanished_file_is_named_and_takes_nothing_with_it(copied: Settings, tmp_path: Path) -> None:
    write_documents(tmp_path / "corpus" / "other.jsonl", [6])
    (tmp_path / "corpus" / f"{SHARD}.jsonl").unlink()
    before = read_files(copied.data / "lake")
    result = materialise_shard(copied, SHARD)
    failures = list_failures(result)
    assert list(failures) == ["web_text"]
    assert (
        f"Shard {SHARD} is not in the corpus {tmp_path / 'corpus'}. Its file was moved or renamed"
        in failures["web_text"]
    )
    assert read_files(copied.data / "lake") == before


def test_an_asset_without_its_input_says_which_table_to_make(empty: Settings) -> None:
    failures = list_failures(materialise_shard(empty, SHARD, "character_profiles"))
    assert f"persona_hub of shard {SHARD} is not in the lake" in failures["character_profiles"]
    assert "Materialise it first" in failures["character_profiles"]


def test_the_finished_project_is_left_as_it_was(finished_folder: Path) -> None:
    assert Lake(finished_folder / "data" / "lake").shards("persona_hub") == [SHARD]
