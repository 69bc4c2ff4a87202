"""Which shards are due: those not materialised, or out of date, that no run is at work on.

A schedule launches them through Dagster; `persona-assets backfill` does the same at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from persona_assets.resources import Project
from persona_assets.staleness import AssetFacts, Present, TableState, count_gone_kept, examine_shard

JOB = "shard_pipeline"
PARTITION = "dagster/partition"
_AT_WORK = [dg.DagsterRunStatus[name] for name in ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")]
NO_TABLES = frozenset({"sft_dataset", "sft_model", "model_evaluation", "shard_report"})
"""Assets that lie outside the lake."""


def list_table_assets(graph: BaseAssetGraph[Any]) -> list[AssetFacts]:
    """The assets that have tables in the lake, each after those it reads."""
    nodes = [graph.get(key) for key in graph.toposorted_asset_keys if key in graph.materializable_asset_keys]
    return [
        AssetFacts(node.key.path[-1], node.code_version, node.partitions_def is not None)
        for node in nodes
        if node.key.path[-1] not in NO_TABLES
    ]


@dataclass(frozen=True, slots=True)
class DueShard:
    """A shard that wants a run. `made`: seconds since 1970 when its oldest table was written; 0 where there is none."""

    shard: str
    reason: str
    made: float


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done, and what is not.

    Attributes:
        shards: those that want a run, the oldest first.
        at_work: shards that a run is at work on, or waits for.
        given_up: shards whose last runs all failed, with how many.
        removed: shards of the lake whose file is in the corpus no more.
    """

    shards: Sequence[DueShard]
    at_work: Sequence[str]
    given_up: Mapping[str, int]
    removed: Sequence[str]

    def describe(self) -> str:
        """What is not launched, in one line; empty where there is nothing to say."""
        parts = [
            ("at work", ", ".join(self.at_work[:5])),
            ("failed too often", ", ".join(f"{shard} ({n} runs)" for shard, n in list(self.given_up.items())[:5])),
            ("file removed", ", ".join(self.removed[:5])),
        ]
        return "; ".join(f"{word}: {names}" for word, names in parts if names)


def find_due(project: Project, instance: dg.DagsterInstance, assets: Sequence[AssetFacts], retries: int) -> Due:
    """Find the shards of the corpus that want a run.

    Args:
        retries: runs that may fail one after the other, beyond the first, before a shard is given up.

    Raises:
        CorpusError: if the corpus folder is missing.
    """
    corpus = {shard.key: shard for shard in project.discover().shards}
    lake = project.lake
    present, gone = Present(lake, project.settings, assets), count_gone_kept(lake)
    busy = {run.tags.get(PARTITION) for run in instance.get_runs(dg.RunsFilter(job_name=JOB, statuses=_AT_WORK))}
    due: list[DueShard] = []
    given_up: dict[str, int] = {}
    for key, source in corpus.items():
        if key in busy:
            continue
        reason = _describe_need(examine_shard(present, key, source, gone.get(key, 0)))
        if reason is None:
            continue
        failures = _count_failures(instance, key, retries + 1)
        if failures > retries:
            given_up[key] = failures
        else:
            due.append(DueShard(key, reason, _find_oldest(project, assets, key)))
    removed = [shard for shard in lake.shards("web_text") if shard not in corpus]
    # What was never made is the oldest of all.
    ordered = sorted(due, key=lambda one: one.made)
    return Due(ordered, sorted(one for one in busy if one), given_up, removed)


def _describe_need(states: Sequence[TableState]) -> str | None:
    missing = [state.asset for state in states if state.rows is None]
    if len(missing) == len(states):
        return "new"
    stale = next((state for state in states if state.is_stale), None)
    if stale is not None:
        return f"{stale.asset}: {stale.reasons[0]}"
    return f"{missing[0]} is missing" if missing else None


def _count_failures(instance: dg.DagsterInstance, shard: str, most: int) -> int:
    """How many of a shard's last runs failed one after the other."""
    runs = instance.get_runs(dg.RunsFilter(job_name=JOB, tags={PARTITION: shard}), limit=most)
    count = 0
    for run in runs:
        if run.status != dg.DagsterRunStatus.FAILURE:
            break
        count += 1
    return count


def _find_oldest(project: Project, assets: Sequence[AssetFacts], shard: str) -> float:
    times = [project.lake.find_time(asset.name, shard) for asset in assets]
    return min((time for time in times if time is not None), default=0.0)
