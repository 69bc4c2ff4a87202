"""persona_assets: one shard decided into an empty hub, with the index and the stored vectors on disk."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from dedup_job import Deduplicate, measure

from benchmarks.encoders import make_settings
from persona_assets.dedup.hub import Contribution, decide_shard
from persona_assets.embedding.cache import make_hub_encoder
from persona_assets.settings import load_settings


class EmptyHub:
    """A lake without contributions, until one is published."""

    def __init__(self) -> None:
        self.published: list[Contribution] = []

    def contributions(self) -> Sequence[Contribution]:
        return self.published

    def read(self, contribution: Contribution) -> Sequence[pl.DataFrame]:
        return []


def prepare(model: str) -> Deduplicate:
    """Load the model."""
    settings = load_settings(paths={"data": Path(tempfile.mkdtemp())}, embedding=make_settings(model).model_dump())
    encoder = make_hub_encoder(settings)
    encoder.encode(["A nurse."])

    def run(texts: Sequence[str]) -> Sequence[int]:
        columns = {"persona_id": [str(row) for row in range(len(texts))], "persona": texts}
        personas = pl.DataFrame(columns).with_columns(language=pl.lit("en"), round=0)
        hub = EmptyHub()
        with decide_shard(settings, "one", personas, encoder=encoder, published=hub) as decision:
            hub.published = [decision.contribution]
        return decision.kept["persona_id"].cast(pl.Int64).to_list()

    return run


if __name__ == "__main__":
    measure(prepare)
