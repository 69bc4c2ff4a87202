import os
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from persona_assets.commands.instance import PROCESS_TAG, claim_process, open_instance, release_dead_runs
from persona_assets.settings import load_settings
from persona_assets_tests.commands.conftest import Call, SmallProject
from persona_assets_tests.scripted import teach

ASSETS = (
    "web_text",
    "seed_personas",
    "expanded_personas",
    "persona_hub",
    "hub_duplicates",
    "character_profiles",
    "dialogues_r",
    "dialogues_g",
    "math_problems",
    "math_solutions",
    "sft_mix",
)


def test_run_makes_every_asset_of_every_shard_and_the_release(project: SmallProject) -> None:
    for asset in ASSETS:
        assert project.lake.shards(asset) == ["one", "two"], asset
    assert project.lake.exists("source_instructions")
    assert pl.read_parquet(project.data / "sft_dataset" / "default" / "train.parquet").height > 0
    assert project.lake.info("seed_personas", "two").attributes["model"] == "none"


def test_second_run_sends_nothing_and_changes_nothing(project: SmallProject, call: Call) -> None:
    versions = {asset: project.lake.info(asset, "one").data_version for asset in ASSETS}
    called = call("run", "--shard", "one")
    assert called.code == 0, called.err
    assert "0+" in called.out
    calls = [line for line in called.out.splitlines() if " calls" in line]
    assert calls
    assert all("rows, 0+" in line for line in calls)
    assert versions == {asset: project.lake.info(asset, "one").data_version for asset in ASSETS}


def test_one_asset_is_made_with_those_it_cannot_be_made_without(project: SmallProject, call: Call) -> None:
    project.lake.remove("hub_duplicates", "two")
    called = call("run", "--shard", "two", "--asset", "persona_hub")
    assert called.code == 0, called.err
    made = {line.split(":")[0] for line in called.out.splitlines() if "rows" in line}
    assert made == {"persona_hub", "hub_duplicates"}
    assert project.lake.exists("hub_duplicates", "two")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("run", "--shard", "nowhere"), ("nowhere", "one, two")),
        (("run", "--asset", "persona_hubs"), ("persona_hubs", "persona_hub")),
        (("run", "--mix", "none"), ("none", "default")),
    ],
)
def test_unknown_names_are_told_with_those_that_exist(
    project: SmallProject, call: Call, arguments: tuple[str, ...], named: tuple[str, ...]
) -> None:
    called = call(*arguments)
    assert called.code == 1
    assert all(name in called.err for name in named)
    assert "Traceback" not in called.err


def test_missing_input_is_named(empty_project: SmallProject, call: Call) -> None:
    called = call("run", "--shard", "one", "--asset", "seed_personas")
    assert called.code == 1
    text = " ".join(called.out.split())
    assert "web_text of shard one is not in the lake" in text
    assert "Traceback" not in called.out + called.err


def test_damaged_shard_does_not_keep_others_from_running(project: SmallProject, call: Call) -> None:
    (project.folder / "corpus" / "broken.jsonl").write_text("{nothing\n{at all\n", encoding="utf-8")
    called = call("run", "--asset", "web_text")
    assert called.code == 1
    text = " ".join(called.out.split())
    assert "Nothing of shard broken could be read" in text
    assert "broken.jsonl" in text
    assert "Shard two" in text
    assert "1 of 3 jobs failed: broken" in " ".join(called.err.split())


def test_failed_blocking_check_is_shown_and_fails_the_command(project: SmallProject, call: Call) -> None:
    path = Path(project.lake.path("expanded_personas", "one"))
    facts = pl.read_parquet_metadata(path)["persona_assets"]
    orphans = pl.read_parquet(path).with_columns(parent_id=pl.lit("per_00000000000000000000"))
    orphans.write_parquet(path, metadata={"persona_assets": facts})
    called = call("run", "--shard", "one", "--asset", "persona_hub")
    assert called.code == 1
    assert "Check failed: persona_hub, origins:" in called.out
    assert "per_00000000000000000000" in called.out
    assert "Traceback" not in called.out + called.err


def test_release_takes_the_corpus_as_it_is_now(
    project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = project.folder / "own"
    own.mkdir()
    (project.folder / "corpus" / "two.jsonl").rename(own / "two.jsonl")
    monkeypatch.setenv("PERSONA_ASSETS__CORPUS__PATH", "own")
    assert "1 shards removed: one (not in the corpus)" in " ".join(call("status").out.split())
    called = call("run", "--mix", "default", "--mix", "role_play", "--asset", "sft_dataset")
    assert called.code == 0, called.err
    assert "Shards left out: one (not in the corpus)" in called.out
    release = pl.scan_parquet(project.data / "sft_dataset" / "default" / "*.parquet").collect()
    candidates = project.lake.scan("sft_mix", "two").collect()
    assert release.height
    assert set(release["example_id"]) <= set(candidates["example_id"])
    assert "shards removed" not in call("status").out


def test_release_of_a_corpus_that_was_not_run_says_what_to_do(
    project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (project.data / "sft_dataset" / "default" / "release.json").read_bytes()
    (project.folder / "corpus" / "one.jsonl").rename(project.folder / "corpus" / "three.jsonl")
    monkeypatch.setenv("PERSONA_ASSETS__CORPUS__PATH", "corpus/three.jsonl")
    called = call("run", "--mix", "default", "--mix", "role_play", "--asset", "sft_dataset")
    assert called.code == 1
    text = " ".join(called.out.split())
    assert "No shard of the corpus corpus/three.jsonl has candidates (sft_mix) in the lake. Materialise its" in text
    assert "Traceback" not in called.out + called.err
    assert (project.data / "sft_dataset" / "default" / "release.json").read_bytes() == before


def test_failed_check_that_stops_nothing_is_a_warning(project: SmallProject, call: Call) -> None:
    (project.folder / "corpus" / "one.jsonl").write_text('{"text": "Too short."}\n', encoding="utf-8")
    called = call("run", "--shard", "one", "--asset", "web_text")
    assert called.code == 0
    assert "Warning: web_text, accounting: the table is empty: too_short 1" in called.out


def test_wrong_setting_is_one_paragraph(project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_ASSETS__MODEL__NAMES", "x")
    called = call("run")
    assert called.code == 1
    assert "model.names" in called.err
    assert called.err.count("\n") == 1


def test_table_of_a_task_that_does_not_exist_is_named_with_those_that_do(
    project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSONA_ASSETS__TASKS__MATH_PROBLEM__CANDIDATES", "3")
    for command in (("run",), ("status",), ("shards",)):
        called = call(*command)
        assert called.code == 1
        assert "tasks.math_problem (or PERSONA_ASSETS__TASKS__MATH_PROBLEM): no asset of this name" in called.err
        assert "dialogues_r, expanded_personas, math_problems, math_solutions, seed_personas" in called.err
    # A recipe's asset is one.
    recipe = (project.folder / "prompts" / "recipes" / "math.yaml").read_text(encoding="utf-8")
    (project.folder / "prompts" / "recipes" / "own.yaml").write_text(
        recipe.replace("asset: math_problems", "asset: math_problem"), encoding="utf-8"
    )
    assert call("shards").code == 0


def test_model_that_refuses_its_key_ends_everything(
    empty_project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> str:
        import litellm

        raise litellm.exceptions.AuthenticationError("no such key", "scripted", "scripted/locked")

    monkeypatch.setenv("PERSONA_ASSETS__MODEL__NAME", teach("locked", refuse))
    called = call("run", "--shard", "one")
    assert called.code == 1
    assert "seed_personas" in called.out
    assert "Traceback" not in called.out + called.err


def test_dead_process_holds_no_place_in_a_pool(project: SmallProject) -> None:
    settings = load_settings()
    folder = settings.data / ".dagster" / "processes"
    with open_instance(settings) as instance:
        folder.mkdir(exist_ok=True)
        dead = instance.create_run_for_job(_empty_job(), tags={PROCESS_TAG: "dead"}, status=dg.DagsterRunStatus.STARTED)
        storage = instance.event_log_storage
        storage.set_concurrency_slots("persona_index", 1)
        assert storage.claim_concurrency_slot("persona_index", dead.run_id, "step").is_claimed
        with claim_process(instance, settings.data / ".dagster") as tags:
            alive = instance.create_run_for_job(_empty_job(), tags=tags, status=dg.DagsterRunStatus.STARTED)
            assert storage.claim_concurrency_slot("persona_index", alive.run_id, "step").is_claimed
            assert release_dead_runs(instance, folder) == []
        found = instance.get_run_by_id(dead.run_id)
        assert found is not None
        assert found.status == dg.DagsterRunStatus.FAILURE


def test_home_takes_the_project_file(empty_project: SmallProject) -> None:
    (empty_project.folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    with open_instance(load_settings()):
        copied = empty_project.data / ".dagster" / "dagster.yaml"
        assert copied.read_text(encoding="utf-8") == "telemetry: {enabled: false}\n"
        assert os.environ["DAGSTER_HOME"] == str(empty_project.data / ".dagster")


def _empty_job() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None:
        return

    @dg.job
    def empty() -> None:
        nothing()

    return empty
