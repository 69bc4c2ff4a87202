"""A shard's personas on their way to the hub: seeds, then each round, as one table in order of decision."""

from collections.abc import Callable

import polars as pl

from persona_assets.dedup.match import Thresholds
from persona_assets.dedup.preparation import prepare_personas
from persona_assets.dedup.rule import Deduplicator
from persona_assets.embedding.encoder import TextEncoder
from persona_assets.records import PersonaHub, polars_schema
from persona_assets.settings import HubSettings


def gather_personas(seeds: pl.LazyFrame, expanded: pl.LazyFrame) -> pl.DataFrame:
    """Put a shard's personas in the order in which the hub decides them: seeds first, then round by round."""
    documents = seeds.select(root_id="persona_id", doc_id="doc_id")
    first = seeds.select(
        "persona_id",
        "persona",
        "language",
        round=pl.lit(0, pl.Int32),
        parent_id=pl.lit(None, pl.String),
        root_id="persona_id",
        relation="relation",
        doc_id="doc_id",
        license="license",
        flags="flags",
        response_keys="response_keys",
    )
    more = expanded.join(documents, on="root_id", how="left", maintain_order="left").with_columns(
        relation="relationship"
    )
    columns = list(polars_schema(PersonaHub))
    return pl.concat([first.select(columns), more.select(columns)]).collect()


def remember_new(encoder: TextEncoder, settings: HubSettings) -> Callable[[pl.DataFrame], pl.Series]:
    """Make a function that says of each persona_id and persona whether the hub's rule keeps it within the shard."""
    rule = Deduplicator(Thresholds(settings.jaccard, settings.cosine))

    def find_new(personas: pl.DataFrame) -> pl.Series:
        return rule.decide(prepare_personas(personas, encoder, settings.jaccard))["kept_id"].is_null()

    return find_new
