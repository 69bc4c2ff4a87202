"""How an asset's batches come into the lake, with metadata, data version and progress."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import dagster as dg
import polars as pl
from pydantic import Field

from persona_assets.accounting import Accounting
from persona_assets.assets.interrupts import run_interruptibly
from persona_assets.assets.pictures import show_pictures
from persona_assets.assets.preview import describe_table, describe_usage
from persona_assets.llm.asker import Asker
from persona_assets.llm.usage import Usage
from persona_assets.prompts import Prompt, PromptFile
from persona_assets.resources import Project
from persona_assets.settings import DefaultSettings, TaskSettings
from persona_assets.tables import WHOLE, Batch, TableInfo, TableWriter

P = TypeVar("P", bound=PromptFile)
Schema = Mapping[str, pl.DataType]


class TaskConfig(dg.Config):
    """What one run may change about a model-backed asset; what is left empty comes from pipeline.toml."""

    model: str | None = Field(None, description="Another model for this run, as litellm names it: openai/gpt-4o-mini.")
    temperature: float | None = Field(None, description="Sampling temperature, 0 to 2.")
    max_tokens: int | None = Field(None, description="Limit of one reply, in tokens.")
    candidates: int | None = Field(None, description="Replies drawn for each row.")
    limit: int | None = Field(None, description="Rows of the input that are asked about, drawn by their ids.")
    batch: bool | None = Field(None, description="Ask through the provider's batch interface (half the price), or not.")

    def merge(self, settings: TaskSettings) -> TaskSettings:
        """The task settings of the project with what this run changes."""
        changed = {name: value for name, value in self.model_dump().items() if value is not None}
        return TaskSettings(**{**settings.model_dump(), **changed})


def shard_of(context: dg.AssetExecutionContext) -> str:
    """The run's shard, or the name of the whole table."""
    return context.partition_key if context.has_partition_key else WHOLE


def publish_batches(
    project: Project, asset: str, shard: str, schema: Schema, batches: Iterable[Batch], **attributes: Any
) -> TableInfo:
    """Write the batches of an asset that asks no model, and publish them."""
    project.reporter.start(asset, shard, None)
    with project.lake.open_writer(asset, shard, schema) as writer:
        for batch in batches:
            writer.add(batch)
            project.reporter.update(asset, writer.accounting, None)
        info = writer.publish(**attributes)
    project.reporter.finish(asset, info.accounting, None)
    return info


def account_for_files(rows: pl.DataFrame, dropped: pl.DataFrame) -> Batch:
    """Make a batch of what was read from files; what was dropped lies beside the rows with its reason.

    Args:
        dropped: source, reason, detail, text_head and n (how many items the line stands for).
    """
    reasons = dict(dropped.group_by("reason").agg(pl.col("n").sum()).iter_rows())
    apart = dropped.select(
        row_id="source", reason="reason", detail="detail", raw="text_head", response_key=pl.lit(None, pl.String)
    )
    return Batch(rows, apart, Accounting.of_rows(rows.height + sum(reasons.values()), rows.height, reasons, {}))


def to_result(
    project: Project, info: TableInfo, usage: Usage | None = None, **metadata: Any
) -> dg.MaterializeResult[TableInfo]:
    """Tell Dagster what was published, and what it cost if a model was asked."""
    return dg.MaterializeResult(
        asset_key=info.asset,
        value=info,
        data_version=dg.DataVersion(info.data_version),
        metadata=show_pictures(
            {**describe_table(project.lake, info, usage), **metadata}, project.settings.automation.pictures
        ),
    )


def read_versions(project: Project, shard: str, *assets: str, whole: tuple[str, ...] = ()) -> dict[str, str]:
    """The data versions of the tables that an asset reads, for its file."""
    shards = dict.fromkeys(assets, shard) | dict.fromkeys(whole, WHOLE)
    return {asset: project.lake.info(asset, at).data_version for asset, at in shards.items()}


def find_excluded(project: Project, asset: str, config: TaskConfig) -> Sequence[str]:
    """The flags with which a row is not read by an asset."""
    own = config.merge(project.settings.task(asset)).exclude_flags
    return project.settings.defaults.exclude_flags if own is None else own


def materialise_with_model(
    context: dg.AssetExecutionContext,
    project: Project,
    prompt: Prompt[P],
    config: TaskConfig,
    schema: Schema,
    make: Callable[[Asker[P]], AsyncIterator[Batch]],
    planned: int | None,
    inputs: Mapping[str, str],
    decisive: Sequence[str] = (),
    describe: Callable[[], Mapping[str, Any]] = dict,
) -> dg.MaterializeResult[TableInfo]:
    """Run a model-backed domain function and publish its rows.

    `decisive` names the settings that decide them beside model and task; they are recorded with the table.
    """
    asset, shard = context.asset_key.path[-1], shard_of(context)
    settings = config.merge(project.settings.task(asset))
    usage = Usage()
    client = project.open_client(settings, usage)
    asker = Asker(client, prompt, asset, shard, settings, project.settings.defaults, project.settings.row_checks())
    attributes = {
        "model": " + ".join(client.names),
        "code_version": prompt.version,
        "inputs": dict(inputs),
        "settings": {
            **project.settings.pick("checks", *_list_defaults(prompt, settings), *decisive),
            **{
                f"tasks.{asset}.{key}": value
                for key, value in settings.model_dump(exclude={"model", "models", "batch"}, mode="json").items()
            },
        },
    }
    project.reporter.start(asset, shard, planned)
    with project.lake.open_writer(asset, shard, schema) as writer:
        usage.listener = lambda _: project.reporter.update(asset, writer.accounting, usage)
        run_interruptibly(_drain(asker, make, writer, lambda: project.reporter.update(asset, writer.accounting, usage)))
        info = writer.publish(**attributes)
    project.reporter.finish(asset, info.accounting, usage)
    return to_result(project, info, usage, **describe_usage(usage, " + ".join(client.names)), **describe())


def _list_defaults(prompt: Prompt[P], settings: TaskSettings) -> Iterator[str]:
    """Name the values of `[defaults]` that decide the rows, for neither the task nor a vote sets its own."""
    for key in DefaultSettings.model_fields:
        if getattr(settings, key) is None and not (key == "candidates" and prompt.content.candidates):
            yield f"defaults.{key}"


async def _drain(
    asker: Asker[P], make: Callable[[Asker[P]], AsyncIterator[Batch]], writer: TableWriter, notify: Callable[[], None]
) -> None:
    try:
        async for batch in make(asker):
            writer.add(batch)
            notify()
    finally:
        await asker.client.close()
