"""persona_hub and hub_duplicates: one decision of the hub's rule, two tables."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict

import dagster as dg
import polars as pl

from persona_assets.accounting import Accounting
from persona_assets.assets.materialise import publish_batches, read_versions, to_result
from persona_assets.assets.pools import INDEX_POOL
from persona_assets.assets.preview import describe_search, describe_stages
from persona_assets.assets.specs import RULE, asset_options
from persona_assets.assets.table_previews import describe_hub
from persona_assets.dedup.hub import HubDecision, decide_shard
from persona_assets.dedup.published import LakeHub
from persona_assets.errors import UndecidedShardError
from persona_assets.partitions import corpus_shard
from persona_assets.personas.hub import gather_personas
from persona_assets.records import QUARANTINE_COLUMNS, HubDuplicates, PersonaHub, polars_schema, without_flags
from persona_assets.resources import Project
from persona_assets.tables import Batch, TableInfo

_ROWS = 8_192
_SETTINGS = (*RULE, "hub.exclude_flags", "embedding.proposer", "embedding.proposer_margin")
_HUB = asset_options(
    "personas", "The personas kept after deduplication, with their origin.", PersonaHub, kinds=("qdrant",)
)
_DUPLICATES = asset_options(
    "personas", "The personas dropped, each with the kept one it duplicates, the stage and the score.", HubDuplicates
)
_WAIT_SECONDS = 15
_OUT_OPTIONS = ("group_name", "description", "code_version", "kinds", "owners", "tags", "metadata", "io_manager_key")


def _out(options: Mapping[str, object]) -> dg.AssetOut:
    return dg.AssetOut(**{name: options[name] for name in _OUT_OPTIONS})  # type: ignore[arg-type]


@dg.multi_asset(
    name="decide_hub",
    outs={"persona_hub": _out(_HUB), "hub_duplicates": _out(_DUPLICATES)},
    partitions_def=corpus_shard,
    pool=INDEX_POOL,
)
def persona_hub(
    context: dg.AssetExecutionContext,
    project: dg.ResourceParam[Project],
    seed_personas: pl.LazyFrame,
    expanded_personas: pl.LazyFrame,
) -> Iterator[dg.MaterializeResult[TableInfo]]:
    """Decide the shard's personas against every other shard's, and publish both tables under the index's lock."""
    shard = context.partition_key
    gathered = gather_personas(seed_personas, expanded_personas)
    personas = without_flags(gathered.lazy(), project.settings.hub.exclude_flags).collect()
    flagged = gathered.height - personas.height
    inputs = read_versions(project, shard, "seed_personas", "expanded_personas")
    registered = context.instance.get_dynamic_partitions("corpus_shard")
    with (
        _wait_for_earlier(context, project.settings.hub.wait_minutes),
        decide_shard(
            project.settings,
            shard,
            personas,
            encoder=project.hub_encoder,
            published=LakeHub(project.lake),
            registered=registered,
        ) as decision,
    ):
        attributes = {
            "contribution": asdict(decision.contribution),
            "inputs": inputs,
            "settings": project.settings.pick(*_SETTINGS),
        }
        # The hub's file is written last: it is what publishes the decision.
        duplicates = publish_batches(
            project,
            "hub_duplicates",
            shard,
            polars_schema(HubDuplicates),
            _list_duplicates(decision, flagged),
            **attributes,
        )
        hub = publish_batches(
            project,
            "persona_hub",
            shard,
            polars_schema(PersonaHub),
            _list_kept(decision, flagged),
            **attributes,
            violations=decision.violations and asdict(decision.violations),
        )
    yield to_result(
        project,
        hub,
        order=decision.contribution.order,
        generation=decision.contribution.generation,
        stages=dg.MetadataValue.md(describe_stages(decision.counts)),
        **describe_search(decision.violations),
        **describe_hub(personas, decision.kept, decision.duplicates, decision.portrait, project.settings.hub),
    )
    yield to_result(project, duplicates)


@contextmanager
def _wait_for_earlier(context: dg.AssetExecutionContext, minutes: float) -> Iterator[None]:
    """Give the step's place in the pool back and try again later, while a shard that comes first is not decided.

    A run of the command line does not wait: nobody else would decide that shard meanwhile.
    """
    try:
        yield
    except UndecidedShardError as error:
        most = round(minutes * 60 / _WAIT_SECONDS) if context.run.remote_job_origin else 0
        if context.retry_number >= most:
            raise
        context.log.info(f"{error} Next attempt in {_WAIT_SECONDS} s.")
        raise dg.RetryRequested(max_retries=most, seconds_to_wait=_WAIT_SECONDS) from error


def _list_kept(decision: HubDecision, flagged: int) -> Iterator[Batch]:
    kept = decision.kept
    dropped = Counter(f"duplicate_{stage}" for stage in decision.duplicates["stage"]) + Counter(flagged=flagged)
    accounting = Accounting.of_rows(kept.height + dropped.total(), kept.height, dropped, {})
    accounting.count_flags(kept["flags"].to_list())
    yield from _slice(kept, accounting)


def _list_duplicates(decision: HubDecision, flagged: int) -> Iterator[Batch]:
    rows = decision.duplicates.height
    dropped = Counter(kept=decision.kept.height) + Counter(flagged=flagged)
    yield from _slice(decision.duplicates, Accounting.of_rows(rows + dropped.total(), rows, dropped, {}))


def _slice(frame: pl.DataFrame, accounting: Accounting) -> Iterator[Batch]:
    empty = pl.DataFrame(schema=QUARANTINE_COLUMNS)
    for part in frame.iter_slices(_ROWS):
        yield Batch(part, empty, Accounting())
    yield Batch(frame.clear(), empty, accounting)
