"""persona_assets: one shard decided into an empty hub, with the index and the stored vectors on disk."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from dedup_job import Deduplicate, measure

from benchmarks.encoders import make_settings
from benchmarks.published import Published
from persona_assets.dedup.hub import decide_shard
from persona_assets.embedding.cache import make_encoder, make_hub_encoder
from persona_assets.settings import load_settings


def prepare(model: str) -> Deduplicate:
    """Load the model."""
    settings = load_settings(paths={"data": Path(tempfile.mkdtemp())}, embedding=make_settings(model).model_dump())
    encoder = make_hub_encoder(settings, make_encoder(settings))
    encoder.encode(["A nurse."])

    def run(texts: Sequence[str]) -> Sequence[int]:
        columns = {"persona_id": [str(row) for row in range(len(texts))], "persona": texts}
        personas = pl.DataFrame(columns).with_columns(language=pl.lit("en"), round=0)
        hub = Published()
        with decide_shard(settings, "one", personas, encoder=encoder, published=hub) as decision:
            hub.found = [decision.contribution]
        return decision.kept["persona_id"].cast(pl.Int64).to_list()

    return run


if __name__ == "__main__":
    measure(prepare)
