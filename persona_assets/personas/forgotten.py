"""What becomes of a persona that was forgotten and that a model says again."""

from dataclasses import replace

import polars as pl

from persona_assets.corpus.tombstones import FORGOTTEN
from persona_assets.llm.tasks import Rejected
from persona_assets.tables import Batch

SAID_AGAIN = Rejected(*FORGOTTEN)


def hide_forgotten(batch: Batch) -> Batch:
    """Take the text of replies out of the quarantine that say again what was forgotten."""
    raw = pl.when(pl.col("reason") == SAID_AGAIN.reason).then(pl.lit("")).otherwise("raw")
    return replace(batch, quarantined=batch.quarantined.with_columns(raw=raw))
