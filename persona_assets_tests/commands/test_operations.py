"""Backfills, checks and comparisons from the command line, and the schedule that does the first by itself."""

import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from persona_assets.automation import prune_old_runs
from persona_assets.cli.shared import make_console
from persona_assets.commands.instance import open_instance
from persona_assets.commands.pipeline import open_pipeline
from persona_assets.definitions import build_definitions
from persona_assets.settings import load_settings
from persona_assets_tests.commands.conftest import Call, SmallProject

SCRIPTED = (
    sys.executable,
    "-c",
    "from persona_assets_tests.scripted import install_scripted_provider; install_scripted_provider();"
    "from persona_assets.cli import main; main()",
)


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards run in processes of their own, which have to know the scripted model."""
    monkeypatch.setattr("persona_assets.commands.backfill._COMMAND", SCRIPTED)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def add_shards(project: SmallProject, *names: str) -> None:
    for name in names:
        shutil.copy(project.folder / "corpus" / "two.jsonl", project.folder / "corpus" / f"{name}.jsonl")


def test_new_shards_are_run_two_at_once_and_current_ones_left_alone(project: SmallProject, call: Call) -> None:
    assert "No shard is new or out of date." in call("backfill").out
    add_shards(project, "three", "four")
    called = call("backfill", "--jobs", "2")
    assert called.code == 0, called.out + called.err
    assert "2 of 2" in called.out
    assert "(new)" in called.out
    assert {"three", "four"} <= set(project.lake.shards("sft_mix"))
    assert "No shard is new or out of date." in call("backfill").out


def test_a_changed_file_is_due_and_a_removed_one_is_named(project: SmallProject, call: Call) -> None:
    path = project.folder / "corpus" / "two.jsonl"
    path.write_text(path.read_text() + '{"persona": "A tram driver who grows quinces on a balcony."}\n')
    (project.folder / "corpus" / "one.jsonl").unlink()
    called = call("backfill")
    assert called.code == 0, called.out + called.err
    assert "file removed: one" in called.out
    assert "two.jsonl changed since" in called.out
    assert project.lake.info("seed_personas", "two").rows == 4


@pytest.mark.long
def test_a_failing_shard_is_tried_again_and_then_reported(
    project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSONA_ASSETS__AUTOMATION__RETRIES", "1")
    add_shards(project, "three")
    (project.folder / "corpus" / "bad.jsonl").write_bytes(b"\xff\xfe\x00 no json\n")
    called = call("backfill")
    assert called.code == 1
    assert "1 shards are tried again" in called.out
    assert "1 of 2 shards failed: bad" in called.err
    assert "three" in project.lake.shards("sft_mix")


def test_checks_are_run_as_a_table_with_an_exit_code(project: SmallProject, call: Call) -> None:
    good = call("check", "--shard", "one")
    assert good.code == 0, good.out + good.err
    assert "checks passed." in good.out
    assert "schema" in good.out
    path = Path(project.lake.path("dialogues_g", "one"))
    table = pl.read_parquet(path)
    import pyarrow.parquet as pq

    facts = (pq.read_metadata(path).metadata or {})[b"persona_assets"].decode()
    pl.concat([table, table]).write_parquet(path, metadata={"persona_assets": facts})
    bad = call("check", "--shard", "one")
    assert bad.code == 1
    assert "FAILED" in bad.out
    assert "dialogues_g, schema" in bad.err
    assert call("check", "--shard", "nowhere").code == 1


def test_a_comparison_names_what_an_edited_prompt_changed(project: SmallProject, call: Call) -> None:
    before = project.folder / "before"
    shutil.copytree(project.data, before)
    assert "No table has other rows than before." in call("compare", str(before)).out
    prompt = project.folder / "prompts" / "dialogues_g.yaml"
    prompt.write_text(prompt.read_text().replace("system:", "# edited\nsystem:", 1))
    text = prompt.read_text()
    prompt.write_text(text.replace("You are", "You are indeed", 1) if "You are" in text else text + "\n")
    assert call("run", "--shard", "one").code == 0
    report = call("compare", str(before), "--rows", "2").out
    assert "| dialogues_g | one |" in report
    assert "its prompt was edited" in report
    assert "| character_profiles |" not in report
    assert call("compare", str(project.folder / "nowhere")).code == 1


def tick(project: SmallProject) -> list[dg.RunRequest] | str:
    settings = load_settings()
    definitions = build_definitions(settings)
    with (
        open_pipeline(settings, make_console()) as pipeline,
        # Left open, it would stay the instance of every later test.
        dg.build_schedule_context(
            instance=pipeline.instance,
            repository_def=definitions.get_repository_def(),
            resources={"project": pipeline.project},
            scheduled_execution_time=datetime.now(UTC),
        ) as context,
    ):
        result = definitions.resolve_schedule_def("backfill_shards").evaluate_tick(context)
    return list(result.run_requests or []) or str(result.skip_message)


def test_the_schedule_launches_what_is_due_and_never_twice(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSONA_ASSETS__AUTOMATION__SHARDS_PER_TICK", "2")
    assert "No shard is new or out of date" in str(tick(project))
    add_shards(project, "three", "four", "five")
    requests = tick(project)
    assert not isinstance(requests, str)
    assert [request.partition_key for request in requests] == ["five", "four"]
    assert requests[0].tags["persona_assets/launched_for"] == "new"
    settings = load_settings()
    with open_instance(load_settings()) as instance:
        job = build_definitions(settings).resolve_job_def("shard_pipeline")
        instance.create_run_for_job(job, tags={"dagster/partition": "five"}, status=dg.DagsterRunStatus.STARTED)
        for _ in range(3):
            instance.create_run_for_job(job, tags={"dagster/partition": "four"}, status=dg.DagsterRunStatus.FAILURE)
    again = tick(project)
    assert not isinstance(again, str)
    # One waits in the queue, one has failed too often.
    assert [request.partition_key for request in again] == ["three"]


def test_schedules_ship_stopped(project: SmallProject) -> None:
    schedules = build_definitions(load_settings()).schedules or []
    assert {schedule.name for schedule in schedules} == {"backfill_shards", "prune_runs"}
    assert all(schedule.default_status == dg.DefaultScheduleStatus.STOPPED for schedule in schedules)


def test_old_runs_are_deleted_but_the_newest_of_each_shard(project: SmallProject) -> None:
    with open_instance(load_settings()) as instance:
        before = len(instance.get_runs())
        assert prune_old_runs(instance, timedelta(days=1)) == 0
        gone = prune_old_runs(instance, timedelta(seconds=-1))
        kept = [(run.job_name, run.tags.get("dagster/partition")) for run in instance.get_runs()]
    assert before - gone == len(kept) == len(set(kept))
