"""`persona-assets shards`: what the corpus folder holds, what is registered, and how far each shard is."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from persona_assets.commands import say
from persona_assets.commands.pipeline import Pipeline, open_pipeline
from persona_assets.corpus.file_listing import SkippedFile
from persona_assets.corpus.shards import CorpusShard
from persona_assets.settings import Settings


@dataclass(frozen=True, slots=True)
class ShardState:
    """A shard, and how far it is.

    Attributes:
        is_registered: whether it is a partition in Dagster.
        materialised: number of assets that are in the lake.
        assets: number of assets that a shard has.
    """

    shard: CorpusShard
    is_registered: bool
    materialised: int
    assets: int


@dataclass(frozen=True, slots=True)
class CorpusState:
    """The corpus folder.

    Attributes:
        shards: in the order of their keys.
        skipped: the files that are in no shard.
        gone: keys that are registered although the corpus has them no more.
    """

    shards: Sequence[ShardState]
    skipped: Sequence[SkippedFile]
    gone: Sequence[str]
    new: Sequence[str]


def examine_corpus(pipeline: Pipeline, register: bool) -> CorpusState:
    """Compare the corpus folder with the partitions and the lake.

    Args:
        register: whether to register what is new.

    Raises:
        CorpusError: if the folder is missing or holds nothing that can be read.
    """
    discovery = pipeline.project.discover()
    keys = [shard.key for shard in discovery.shards]
    new = pipeline.register_shards(keys) if register else []
    registered = pipeline.list_shards()
    assets = [asset.name for asset in pipeline.list_assets() if asset.is_partitioned]
    lake = pipeline.project.lake
    states = [
        ShardState(shard, shard.key in registered, sum(lake.exists(asset, shard.key) for asset in assets), len(assets))
        for shard in discovery.shards
    ]
    return CorpusState(states, discovery.skipped, [key for key in registered if key not in keys], new)


def print_shards(settings: Settings, console: Console, register: bool) -> CorpusState:
    """Show the shards of the corpus. `register`: whether to register what is new."""
    with open_pipeline(settings, console) as pipeline:
        state = examine_corpus(pipeline, register)
    say(console, f"Corpus: {settings.corpus.path}")
    table = Table("shard", "kind", "files", "rows", "registered", "assets", box=None, pad_edge=False)
    for item in state.shards:
        table.add_row(
            item.shard.key,
            item.shard.kind,
            _describe_files(item.shard),
            _describe_range(item.shard),
            "yes" if item.is_registered else "no",
            f"{item.materialised} of {item.assets}",
        )
    console.print(table)
    if state.new:
        console.print(f"Registered now: {len(state.new)}.")
    for key in state.gone:
        say(console, f"Registered, but in the corpus no more: {key}")
    for skipped in state.skipped:
        say(console, f"Passed over: {skipped.path.name} ({skipped.reason})")
    return state


def _describe_files(shard: CorpusShard) -> str:
    more = f" and {len(shard.names) - 1} more" if len(shard.names) > 1 else ""
    return f"{shard.names[0]}{more}"


def _describe_range(shard: CorpusShard) -> str:
    if shard.is_whole_file:
        return "all"
    return f"from {shard.start + 1:,}" if shard.stop is None else f"{shard.start + 1:,} to {shard.stop:,}"
