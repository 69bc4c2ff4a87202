"""The checks of the hub: the rule, applied once more to what is published, and what an approximate search missed."""

from typing import Final

import polars as pl

from persona_assets.checks.tables import Finding
from persona_assets.dedup.match import Thresholds
from persona_assets.dedup.preparation import prepare_personas
from persona_assets.dedup.rule import Deduplicator
from persona_assets.dedup.violations import ViolationSample
from persona_assets.embedding.proposer import find_judge
from persona_assets.lake import iter_frames
from persona_assets.resources import Project

_MOST_VIOLATIONS: Final = 1 / 10_000
"""Of the kept personas."""


def check_no_near_duplicates(project: Project, shard: str) -> Finding:
    """No two personas of the published hub are at or above a threshold.

    The shard is compared with itself and, up to `hub.exact_rows` rows, with every other shard; above so many rows the
    search is approximate, and `check_violations` says what it misses.
    """
    lake, settings = project.lake, project.settings.hub
    rows = {other: lake.info("persona_hub", other).rows for other in lake.shards("persona_hub")}
    shards = [other for other in rows if other != shard]
    compared = [*shards, shard] if sum(rows[other] for other in shards) <= settings.exact_rows else [shard]
    thresholds = Thresholds(settings.jaccard, settings.cosine)
    rule = Deduplicator(thresholds, judge=find_judge(project.hub_encoder), exact_rows=settings.exact_rows)
    near = pl.DataFrame()
    for frame in iter_frames(lake.scan_all("persona_hub", compared).select("persona_id", "persona"), 8_192):
        verdicts = rule.decide(prepare_personas(frame, project.hub_encoder, settings.jaccard))
        near = pl.concat([near, verdicts.filter(pl.col("kept_id").is_not_null())], how="diagonal")
    facts: dict[str, str | int | float] = {
        "shards_compared": len(compared),
        "rows": sum(rows[other] for other in compared),
        "wrong": near.height,
    }
    if near.is_empty():
        return Finding(None, facts)
    pair = near.row(0, named=True)
    return Finding(
        f"{near.height} pairs are at or above a threshold, for example {pair['persona_id']} and {pair['kept_id']}"
        f" ({pair['stage']} {pair['score']:.3f}): materialise persona_hub of their shards again",
        facts,
    )


def check_violations(project: Project, shard: str) -> Finding:
    """At most one in 10,000 kept personas should have been dropped, by the sample that was searched again."""
    info = project.lake.info("persona_hub", shard)
    sample = ViolationSample(**(info.attributes.get("violations") or {"rows": 0, "violations": 0}))
    facts = {"kept": info.rows, "rows": sample.rows, "violations": sample.violations, "rate": sample.rate}
    if sample.rate <= _MOST_VIOLATIONS:
        return Finding(None, facts)
    return Finding(
        f"{sample.violations} of {sample.rows} kept personas that were searched again are duplicates of others, and one"
        " in 10,000 may be: raise hub.exact_rows above the size of the shard and of the index, or let the Qdrant server"
        " search more widely (hnsw_config), then materialise persona_hub of this shard again",
        facts,
    )
