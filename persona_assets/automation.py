"""Jobs and the sensor that registers new files of the corpus. Nothing that costs money starts by itself."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from persona_assets.errors import CorpusError
from persona_assets.partitions import corpus_shard
from persona_assets.resources import Project

SHARD_PIPELINE = "shard_pipeline"
RELEASE = "release"
TRAINING = "training"
INSTRUCTIONS = "instruction_sets"


def build_jobs() -> list[UnresolvedAssetJobDefinition]:
    """One shard end to end; the instruction sets; the release; training on it."""
    everything = dg.AssetSelection.all(include_sources=False)
    release, instructions = dg.AssetSelection.assets("sft_dataset"), dg.AssetSelection.assets("source_instructions")
    training = dg.AssetSelection.groups(TRAINING)
    return [
        dg.define_asset_job(
            SHARD_PIPELINE,
            selection=everything - release - instructions - training,
            description="One shard of the corpus, from text to SFT candidates.",
        ),
        dg.define_asset_job(
            INSTRUCTIONS, selection=instructions, description="Read the instruction sets that role play starts from."
        ),
        dg.define_asset_job(RELEASE, selection=release, description="Join the shards to a dataset, for one mix."),
        dg.define_asset_job(
            TRAINING, selection=training, description="Fine-tune a model on the release of one mix, and evaluate it."
        ),
    ]


def build_shard_sensor() -> dg.SensorDefinition:
    """Registers the shards of files that appear in the corpus folder; it ships running, for it costs nothing."""

    @dg.sensor(
        name="register_corpus_shards",
        description="Registers new files of the corpus folder as partitions.",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def register_corpus_shards(
        context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
    ) -> dg.SensorResult | dg.SkipReason:
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
