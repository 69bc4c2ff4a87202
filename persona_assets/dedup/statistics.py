"""What the hub holds, and what was dropped on the way, counted from the lake."""

from dataclasses import dataclass

import polars as pl

from persona_assets.dedup.explain import DUPLICATES
from persona_assets.dedup.match import STAGES
from persona_assets.dedup.published import HUB
from persona_assets.lake import Lake

_SEEDS, _EXPANDED = "seed_personas", "expanded_personas"
_SEED_ROUND = pl.repeat(0, pl.len(), dtype=pl.Int32)


@dataclass(frozen=True, slots=True)
class HubStatistics:
    """Counts of the hub.

    Attributes:
        shards: shard, kept, and dropped by stage: exact, minhash, embedding.
        rounds: round, personas (made in it), kept, and new (the share that was kept): 0 are the seeds.
    """

    shards: pl.DataFrame
    rounds: pl.DataFrame
    languages: pl.DataFrame


def count_hub(lake: Lake) -> HubStatistics:
    """Count what the hub holds; frames without rows for an empty hub."""
    decided = lake.shards(HUB)
    shards = pl.DataFrame([_count_shard(lake, shard) for shard in decided])
    hub = [lake.scan(HUB, shard).select("round", "language") for shard in decided]
    if not hub:
        return HubStatistics(shards, pl.DataFrame(), pl.DataFrame())
    kept = pl.concat(hub)
    languages = kept.group_by("language").agg(kept=pl.len()).sort("kept", "language", descending=[True, False])
    return HubStatistics(shards, _count_rounds(lake, decided, kept), languages.collect())


def count_rounds(made: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """Count by round what was made and what was kept of it: round, personas, kept and new (the share kept)."""
    found = kept.group_by("round").agg(kept=pl.len())
    counts = made.group_by("round").agg(personas=pl.len()).join(found, on="round", how="left")
    return (
        counts.with_columns(pl.col("kept").fill_null(0))
        .with_columns(new=pl.col("kept") / pl.col("personas"))
        .sort("round")
        .select("round", "personas", "kept", "new")
    )


def _count_shard(lake: Lake, shard: str) -> dict[str, str | int]:
    row: dict[str, str | int] = {"shard": shard, "kept": lake.info(HUB, shard).rows, **dict.fromkeys(STAGES, 0)}
    if lake.exists(DUPLICATES, shard):
        row |= dict(lake.scan(DUPLICATES, shard).group_by("stage").len().collect().iter_rows())
    return row


def _count_rounds(lake: Lake, shards: list[str], kept: pl.LazyFrame) -> pl.DataFrame:
    made = [lake.scan(_SEEDS, shard).select(round=_SEED_ROUND) for shard in shards if lake.exists(_SEEDS, shard)]
    made += [lake.scan(_EXPANDED, shard).select("round") for shard in shards if lake.exists(_EXPANDED, shard)]
    if not made:
        return pl.DataFrame()
    return count_rounds(pl.concat(made).collect(), kept.select("round").collect())
