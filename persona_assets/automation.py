"""Jobs, the sensor that registers new files of the corpus, and schedules. Nothing that costs money starts by itself."""

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from persona_assets.assets.pools import set_provider_limits
from persona_assets.backfills import JOB, PARTITION, find_due, list_table_assets
from persona_assets.errors import CorpusError
from persona_assets.partitions import corpus_shard
from persona_assets.resources import Project
from persona_assets.settings import AutomationSettings

SHARD_PIPELINE = JOB
RELEASE = "release"
TRAINING = "training"
INSTRUCTIONS = "instruction_sets"
CHECKS = "asset_checks"
_LAUNCHED_FOR = "persona_assets/launched_for"
_PRIORITY = "dagster/priority"


def build_jobs() -> list[UnresolvedAssetJobDefinition]:
    """One shard end to end; the instruction sets; the release; training on it."""
    everything = dg.AssetSelection.all(include_sources=False)
    release, instructions = dg.AssetSelection.assets("sft_dataset"), dg.AssetSelection.assets("source_instructions")
    training, reports = dg.AssetSelection.groups(TRAINING), dg.AssetSelection.assets("shard_report")
    checks = dg.AssetSelection.all_asset_checks()
    checks_of_shards = checks - dg.AssetSelection.checks_for_assets("source_instructions", "model_evaluation")
    return [
        dg.define_asset_job(
            SHARD_PIPELINE,
            selection=everything - release - instructions - training - reports,
            description="One shard of the corpus, from text to SFT candidates.",
            # A backfill of hundreds of shards lets pass whoever wants a release.
            tags={_PRIORITY: "-1"},
        ),
        dg.define_asset_job(
            INSTRUCTIONS, selection=instructions, description="Read the instruction sets that role play starts from."
        ),
        dg.define_asset_job(
            RELEASE, selection=release, description="Join the shards to a dataset, for one mix.", tags={_PRIORITY: "1"}
        ),
        dg.define_asset_job(
            CHECKS, selection=checks_of_shards, description="Every check of one shard's tables, as they are."
        ),
        dg.define_asset_job(
            TRAINING, selection=training, description="Fine-tune a model on the release of one mix, and evaluate it."
        ),
    ]


def build_shard_sensor() -> dg.SensorDefinition:
    """Registers the shards of files that appear in the corpus folder; it ships running, for it costs nothing."""

    @dg.sensor(
        name="register_corpus_shards",
        description="Registers new files of the corpus folder as partitions; gives the pools of providers their limit.",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def register_corpus_shards(
        context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
    ) -> dg.SensorResult | dg.SkipReason:
        for pool, limit in set_provider_limits(context.instance, project.settings).items():
            context.log.info(f"Pool {pool}: {limit} steps at a time.")
        try:
            found = project.list_shards()
        except CorpusError as error:
            return dg.SkipReason(str(error))
        known = set(context.instance.get_dynamic_partitions(corpus_shard.name or ""))
        new = [key for key in found if key not in known]
        if not new:
            return dg.SkipReason(f"No new file; {len(known)} shards are registered.")
        return dg.SensorResult(dynamic_partitions_requests=[corpus_shard.build_add_request(new)])

    return register_corpus_shards


def build_schedules(settings: AutomationSettings) -> list[dg.ScheduleDefinition]:
    """The schedules; they ship stopped, for what they launch costs money. `settings`: when, and how much at once."""

    @dg.schedule(
        name="backfill_shards",
        job_name=SHARD_PIPELINE,
        cron_schedule=settings.cron,
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Launches the shards that are new or out of date, the oldest first; what fails too often is named.",
    )
    def backfill_shards(
        context: dg.ScheduleEvaluationContext, project: dg.ResourceParam[Project]
    ) -> list[dg.RunRequest] | dg.SkipReason:
        try:
            assets = list_table_assets(context.repository_def.asset_graph) if context.repository_def else []
            due = find_due(project, context.instance, assets, settings.retries)
        except CorpusError as error:
            return dg.SkipReason(str(error))
        chosen = due.shards[: settings.shards_per_tick]
        if due.describe():
            context.log.warning(due.describe())
        if not chosen:
            return dg.SkipReason(f"No shard is new or out of date. {due.describe()}".strip())
        context.instance.add_dynamic_partitions(corpus_shard.name or "", [one.shard for one in chosen])
        tick = context.scheduled_execution_time.isoformat()
        return [
            # Of a tick, so that a shard that is due again is launched again.
            dg.RunRequest(f"{one.shard} {tick}", partition_key=one.shard, tags={_LAUNCHED_FOR: one.reason[:200]})
            for one in chosen
        ]

    @dg.schedule(
        name="prune_runs",
        job_name=INSTRUCTIONS,
        cron_schedule="30 3 * * 0",
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Deletes the records of finished runs older than automation.keep_runs_days; it launches nothing.",
    )
    def prune_runs(context: dg.ScheduleEvaluationContext) -> dg.SkipReason:
        gone = prune_old_runs(context.instance, timedelta(days=settings.keep_runs_days))
        return dg.SkipReason(f"{gone} runs older than {settings.keep_runs_days} days were deleted.")

    return [backfill_shards, prune_runs]


def prune_old_runs(instance: dg.DagsterInstance, age: timedelta) -> int:
    """Delete the finished runs that are older, with their events and logs; the newest of each partition stays."""
    before = datetime.now(UTC) - age
    kept: set[tuple[str, str | None]] = set()
    gone = 0
    for record in instance.get_run_records():
        run = record.dagster_run
        name = (run.job_name, run.tags.get(PARTITION))
        if name in kept and run.is_finished and record.create_timestamp < before:
            instance.delete_run(run.run_id)
            gone += 1
        kept.add(name)
    return gone
