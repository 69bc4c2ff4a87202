"""Families over the shards of the lake: personas joined by parent links and duplicate links."""

from collections.abc import Sequence

import polars as pl

from persona_assets.dedup.families import assign_families
from persona_assets.lake import Lake


def find_families(lake: Lake, shards: Sequence[str]) -> pl.DataFrame:
    """Find the families of the personas of some shards.

    A duplicate link may lead into another shard: with that shard among `shards` the two families are one,
    without it they share the name of their smallest persona within reach.
    """
    parents = lake.scan_all("expanded_personas", shards).select(a="parent_id", b="persona_id")
    duplicates = lake.scan_all("hub_duplicates", shards).select(a="kept_id", b="persona_id")
    personas = lake.scan_all("persona_hub", shards).select("persona_id").collect()["persona_id"]
    return assign_families(pl.concat([parents, duplicates]).collect(), personas)
