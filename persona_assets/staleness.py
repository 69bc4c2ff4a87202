"""What of the lake is missing or stale, and why.

Dagster stops tracking staleness across a fan-in of 100 partitions or more, so this reads the lake itself:
every file says which versions of its inputs and of its prompt it was made from, by which model and settings.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from persona_assets.corpus.shards import CorpusShard
from persona_assets.errors import LakeError
from persona_assets.lake import Lake, iter_frames
from persona_assets.llm.client import name_models
from persona_assets.settings import Settings
from persona_assets.sft.release import read_release_facts
from persona_assets.sft.shards import ShardChoice
from persona_assets.tables import WHOLE, TableInfo

_NAMED = 2

Compare = Callable[[TableInfo], Sequence[str]]
"""Why a table is stale that was compared with what only its own asset reads."""


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """What is known of an asset apart from its tables.

    Attributes:
        code_version: the present version of its prompt file, or of its code.
        is_partitioned: whether it has a table a shard.
    """

    name: str
    code_version: str | None
    is_partitioned: bool = True


@dataclass(frozen=True, slots=True)
class Present:
    """What tables are compared with. `assets`: all assets, each after those it reads."""

    lake: Lake
    settings: Settings
    assets: Sequence[AssetFacts]


@dataclass(frozen=True, slots=True)
class TableState:
    """One table of the lake.

    Attributes:
        rows: number of rows; None if it is not in the lake.
        flagged: those of them that a check flags.
        reasons: why it is stale; empty if it is not.
    """

    asset: str
    shard: str
    rows: int | None
    reasons: tuple[str, ...] = ()
    flagged: int = 0

    @property
    def is_stale(self) -> bool:
        """Whether materialising it again would read something else."""
        return self.rows is not None and bool(self.reasons)

    @property
    def is_current(self) -> bool:
        """Whether it is there and not stale."""
        return self.rows is not None and not self.reasons


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """One release. `examples`: rows of both splits; None if it was not written."""

    mix: str
    examples: int | None
    reasons: tuple[str, ...] = ()


def examine_shard(present: Present, shard: str, source: CorpusShard | None, gone_kept: int = 0) -> list[TableState]:
    """Say of every asset of a shard whether it is there and whether it is stale.

    Args:
        source: the shard as the corpus has it; None if it does not have it any more.
        gone_kept: duplicates of the shard whose kept persona is in no shard.

    Returns:
        A state an asset that has a table a shard, in order.
    """
    more: Mapping[str, Compare] = {
        "web_text": lambda info: _compare_source(present.lake, info, source),
        "hub_duplicates": lambda _: _describe_gone(gone_kept),
    }
    stale: set[str] = set()
    states = []
    for asset in present.assets:
        if asset.is_partitioned:
            state = _examine(present, asset, shard, stale, more.get(asset.name))
            stale |= {asset.name} if state.is_stale else set()
            states.append(state)
    return states


def examine_whole(present: Present, name: str, files: Sequence[Path]) -> TableState:
    """Say the same of a table that is not partitioned and is read from files."""
    asset = next(asset for asset in present.assets if asset.name == name)
    names = [file.name for file in files]
    return _examine(present, asset, WHOLE, set(), lambda info: _compare_files(present.lake, info, names, files))


def count_gone_kept(lake: Lake) -> Mapping[str, int]:
    """Count for each shard the duplicates whose kept persona is in no shard's hub any more.

    Nothing is counted while the hub of a shard is damaged: what it keeps would seem gone to all others.

    Raises:
        LakeError: if rows turn out to be damaged of which the file says nothing.
    """
    hubs, links = lake.shards("persona_hub"), lake.shards("hub_duplicates")
    shards = [shard for shard in links if shard in hubs and _read(lake, "hub_duplicates", shard)]
    if not shards or not all(_read(lake, "persona_hub", shard) for shard in hubs):
        return {}
    hub = lake.scan_all("persona_hub", hubs).select(kept_id="persona_id")
    kept = pl.concat([lake.scan("hub_duplicates", shard).select("kept_id", shard=pl.lit(shard)) for shard in shards])
    gone = kept.join(hub, on="kept_id", how="anti").group_by("shard").len()
    return {shard: number for frame in iter_frames(gone) for shard, number in frame.iter_rows()}


def examine_release(choice: ShardChoice, folder: Path, mix: str, mix_version: str) -> ReleaseState:
    """Compare a release with the shards that it would be made of now. `folder`: `<data>/sft_dataset/<mix>`."""
    facts = read_release_facts(folder)
    if facts is None:
        return ReleaseState(mix, None)
    examples = sum(count.get(split, 0) for count in facts["counts"].values() for split in ("train", "validation"))
    now = choice.taken
    reasons = ["mix file changed"] if facts["mix_version"] != mix_version else []
    for word, shards in (
        ("new", now.keys() - facts["inputs"].keys()),
        ("removed", facts["inputs"].keys() - now.keys()),
        ("changed", {shard for shard, version in facts["inputs"].items() if now.get(shard, version) != version}),
    ):
        if shards:
            named = [f"{shard} ({why})" if (why := choice.left_out.get(shard)) else shard for shard in sorted(shards)]
            reasons.append(f"{len(shards)} shards {word}: {', '.join(named[:3])}")
    return ReleaseState(mix, examples, tuple(reasons))


def _examine(present: Present, asset: AssetFacts, shard: str, stale: set[str], compare: Compare | None) -> TableState:
    lake = present.lake
    if not lake.exists(asset.name, shard):
        return TableState(asset.name, shard, None)
    try:
        info = lake.info(asset.name, shard)
    except LakeError as error:
        return TableState(asset.name, shard, 0, (str(error),))
    reasons = [
        *_compare_prompt_and_model(info, asset, present.settings),
        *_compare_settings(info, present.settings),
        *_compare_inputs(present, info),
    ]
    behind = sorted(stale & info.attributes.get("inputs", {}).keys())
    if behind:
        reasons.append(f"{', '.join(behind[:_NAMED])}{' and more' * (len(behind) > _NAMED)} stale")
    more = compare(info) if compare else []
    return TableState(asset.name, shard, info.rows, (*reasons, *more), info.accounting.flagged)


def _compare_prompt_and_model(info: TableInfo, asset: AssetFacts, settings: Settings) -> list[str]:
    made_by = info.attributes.get("model")
    # What was read from a persona file has no prompt; of the tables without a model only sft_mix takes one in.
    if made_by == "none" or "code_version" not in info.attributes:
        return []
    reasons = ["prompt changed"] if info.attributes["code_version"] != asset.code_version else []
    if made_by is None:
        return reasons
    model = name_models(settings.model, settings.task(asset.name))
    return [*reasons, *([f"model was {made_by}, now {model}"] if made_by != model else [])]


def _compare_settings(info: TableInfo, settings: Settings) -> list[str]:
    made_with: Mapping[str, Any] = info.attributes.get("settings", {})
    now = {name: settings.read(name) for name in made_with}
    return [
        f"{name} was {_write_value(value)}, now {_write_value(now[name])}"
        for name, value in made_with.items()
        if now[name] != value
    ]


def _write_value(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _compare_inputs(present: Present, info: TableInfo) -> Iterator[str]:
    whole = {asset.name for asset in present.assets if not asset.is_partitioned}
    for name, version in info.attributes.get("inputs", {}).items():
        shard = WHOLE if name in whole else info.shard
        if not present.lake.exists(name, shard):
            yield f"{name} is gone"
        elif (now := _read(present.lake, name, shard)) is None:
            yield f"{name} cannot be read"
        elif now.data_version != version:
            yield f"{name} changed"


def _read(lake: Lake, asset: str, shard: str) -> TableInfo | None:
    """What a table says of itself; None if it is damaged, which its own state explains."""
    try:
        return lake.info(asset, shard)
    except LakeError:
        return None


def _describe_gone(kept: int) -> list[str]:
    return [f"{kept} kept_id are in the hub no more: materialise persona_hub of this shard again"] if kept else []


def _compare_source(lake: Lake, info: TableInfo, source: CorpusShard | None) -> list[str]:
    if source is None:
        return ["its file is in the corpus no more"]
    records = [source.start, source.stop]
    if info.attributes.get("records", records) != records:
        return ["its part of the file is another now"]
    return _compare_files(lake, info, source.names, source.files)


def _compare_files(lake: Lake, info: TableInfo, names: Sequence[str], files: Sequence[Path]) -> list[str]:
    if info.attributes.get("files", list(names)) != list(names):
        return ["its files are others now"]
    made = lake.find_time(info.asset, info.shard) or 0.0
    return [f"{path.name} changed since" for path in files if path.is_file() and path.stat().st_mtime > made][:3]
