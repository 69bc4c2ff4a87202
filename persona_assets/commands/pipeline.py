"""The project's jobs on an instance: instruction sets, shards and releases, one after the other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from persona_assets.accounting import Accounting
from persona_assets.backfills import PARTITION, Due, find_due, list_table_assets
from persona_assets.commands.execution import JobReport, execute_job
from persona_assets.commands.instance import claim_process, open_instance
from persona_assets.commands.progress_bar import open_reporter
from persona_assets.errors import SettingsError
from persona_assets.progress import Reporter
from persona_assets.resources import Project
from persona_assets.settings import Settings
from persona_assets.staleness import AssetFacts, Present, TableState, examine_whole

if TYPE_CHECKING:
    import dagster as dg

INSTRUCTIONS = "source_instructions"
DATASET = "sft_dataset"
_SHARDS = "corpus_shard"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """An open project: what can be run, where it is recorded, and who is told."""

    project: Project
    definitions: "dg.Definitions"
    instance: "dg.DagsterInstance"
    tags: Mapping[str, str]

    def register_shards(self, keys: Sequence[str]) -> list[str]:
        """Register shards as partitions, in order; returns the new ones."""
        known = set(self.list_shards())
        new = [key for key in keys if key not in known]
        self.instance.add_dynamic_partitions(_SHARDS, new)
        return new

    def choose_shards(self, wanted: Sequence[str]) -> list[str]:
        """The shards of the corpus that are named, or all; SettingsError for one that it does not have."""
        self.project.require_shards(wanted)
        found = self.project.list_shards()
        # All are registered, in the corpus' own order, so that the order does not depend on what is run first.
        self.register_shards(found)
        return [shard for shard in found if shard in wanted] if wanted else found

    def list_rivals(self) -> list[str]:
        """The runs of other processes that hold a place in a pool: this one's steps wait for them."""
        return sorted(self.instance.event_log_storage.get_concurrency_run_ids())

    def examine_instructions(self) -> TableState:
        """Say whether the instruction sets were read, and whether as they and their settings are now."""
        return examine_whole(self.describe_present(), INSTRUCTIONS, self.project.list_instruction_files())

    def run_instructions(self) -> JobReport:
        """Read the instruction sets."""
        return self._run("instruction_sets")

    def run_shard(self, shard: str, assets: Sequence[str] | None = None) -> JobReport:
        """Materialise a shard, or some of its assets."""
        return self._run("shard_pipeline", shard, assets)

    def run_release(self, mix: str) -> JobReport:
        """Write the release of a mix."""
        reporter = self.project.reporter
        reporter.start(DATASET, mix, None)
        report = self._run("release", mix)
        if report.is_success:
            rows = int(report.materialised[DATASET]["dagster/row_count"])
            reporter.finish(DATASET, Accounting(rows=rows), None)
        return report

    def run_training(self, mix: str) -> JobReport:
        """Fine-tune a model on the release of a mix, and evaluate it."""
        return self._run("training", mix)

    def list_shards(self) -> list[str]:
        """The registered shards, in the order of registration."""
        return list(self.instance.get_dynamic_partitions(_SHARDS))

    def list_assets(self) -> list[AssetFacts]:
        """The assets in the order in which they are made."""
        return list_table_assets(self.definitions.resolve_asset_graph())

    def find_due(self) -> Due:
        """The shards that are new or out of date, as the schedule finds them."""
        return find_due(self.project, self.instance, self.list_assets(), self.project.settings.automation.retries)

    def submit_backfill(self, shards: Sequence[str]) -> str:
        """Hand shards to Dagster's daemon as one backfill; returns its id."""
        import time

        from dagster._core.execution.backfill import PartitionBackfill
        from dagster._core.utils import make_new_backfill_id

        graph = self.definitions.resolve_asset_graph()
        job = self.definitions.resolve_job_def("shard_pipeline")
        backfill = PartitionBackfill.from_asset_partitions(
            backfill_id=make_new_backfill_id(),
            asset_graph=graph,
            partition_names=list(shards),
            asset_selection=sorted(job.asset_layer.selected_asset_keys),
            backfill_timestamp=time.time(),
            tags={"dagster/priority": "-1"},
            dynamic_partitions_store=self.instance,
            all_partitions=False,
            title=f"{len(shards)} shards",
            description="Shards that are new or out of date.",
            run_config=None,
        )
        self.instance.add_backfill(backfill)
        return backfill.backfill_id

    def run_checks(self, shard: str) -> JobReport:
        """Run every check of a shard's tables, as they are."""
        job = self.definitions.resolve_job_def("asset_checks")
        # A job of checks alone has no partitions for Dagster; the checks take theirs from the tag.
        return execute_job(job, self.instance, {**self.tags, PARTITION: shard})

    def describe_present(self) -> Present:
        """What tables are compared with, to see whether they are stale."""
        return Present(self.project.lake, self.project.settings, self.list_assets())

    def list_mixes(self) -> list[str]:
        """The mixes of the release."""
        partitions = self.definitions.resolve_job_def("release").partitions_def
        return list(partitions.get_partition_keys()) if partitions else []

    def add_siblings(self, assets: Sequence[str]) -> list[str]:
        """Add the assets that can only be made together with those named; SettingsError for a name that is no asset."""
        known = [*(asset.name for asset in self.list_assets()), DATASET]
        unknown = [asset for asset in assets if asset not in known]
        if unknown:
            raise SettingsError(f"--asset {unknown[0]}: there is no such asset. There are {', '.join(known)}.")
        wanted = set(assets)
        for definition in self.definitions.resolve_asset_graph().assets_defs:
            names = {key.path[-1] for key in definition.keys}
            if names & wanted and not definition.can_subset:
                wanted |= names
        return [asset for asset in known if asset in wanted]

    def _run(self, job: str, partition: str | None = None, assets: Sequence[str] | None = None) -> JobReport:
        return execute_job(self.definitions.resolve_job_def(job), self.instance, self.tags, partition, assets)


@contextmanager
def open_pipeline(
    settings: Settings, console: Console, wrap: Callable[[Reporter], Reporter] = lambda reporter: reporter
) -> Iterator[Pipeline]:
    """Open a project for runs in this process, with progress on the console.

    Args:
        wrap: makes who is told of progress out of who shows it.
    """
    with open_instance(settings) as instance, claim_process(instance, settings.data / ".dagster") as tags:
        from persona_assets.assets.pools import set_provider_limits
        from persona_assets.definitions import build_definitions

        with open_reporter(console) as reporter:
            project = Project(settings, wrap(reporter))
            set_provider_limits(instance, settings)
            try:
                yield Pipeline(project, build_definitions(settings, {"project": project}), instance, tags)
            finally:
                project.close()
