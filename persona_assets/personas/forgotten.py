"""What becomes of a persona that was forgotten and that a model says again."""

from dataclasses import replace

import polars as pl

from persona_assets.corpus.tombstones import FORGOTTEN
from persona_assets.llm.tasks import Rejected
from persona_assets.tables import Batch

SAID_AGAIN = Rejected(*FORGOTTEN)


def hide_forgotten(batch: Batch) -> Batch:
    """Take replies out of the quarantine that say again what was forgotten, whatever of them is refused."""
    refused = batch.quarantined
    saying = refused.filter(reason=SAID_AGAIN.reason)["response_key"]
    raw = pl.when(pl.col("response_key").is_in(saying.implode())).then(pl.lit("")).otherwise("raw")
    return replace(batch, quarantined=refused.with_columns(raw=raw))
