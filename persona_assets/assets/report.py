"""shard_report: one HTML file on a shard, to read or to send; whoever wants one materialises it."""

import hashlib
from typing import Any

import dagster as dg

from persona_assets.assets.specs import CODE_VERSION, OWNERS
from persona_assets.partitions import corpus_shard
from persona_assets.report import REPORTS_FOLDER, read_spend, write_report
from persona_assets.resources import Project


@dg.asset(
    deps=["sft_mix"],
    group_name="sft",
    description="One HTML file on the shard: counts down the chain, samples, pictures, duplicates, flags and quarantine"
    " by reason, spend.",
    code_version=CODE_VERSION,
    kinds={"html"},
    owners=OWNERS,
    tags={"persona_assets/stage": "sft"},
    partitions_def=corpus_shard,
)
def shard_report(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
    """Write the report of a shard."""
    shard, settings = context.partition_key, project.settings
    path = settings.data / REPORTS_FOLDER / f"{shard}.html"
    write_report(project.lake, read_spend(settings), path, [shard], f"Shard {shard}")
    content = path.read_bytes()
    return dg.MaterializeResult(
        data_version=dg.DataVersion(hashlib.sha256(content).hexdigest()[:32]),
        metadata={
            "path": dg.MetadataValue.path(str(path)),
            "report": dg.MetadataValue.url(path.as_uri()),
            "bytes": len(content),
        },
    )
