"""Personas of published sets, which are seeds without a model being asked."""

import polars as pl

from persona_assets.accounting import Accounting
from persona_assets.corpus.language import detect_language
from persona_assets.dedup.text import normalise
from persona_assets.personas.items import identify_persona
from persona_assets.records import QUARANTINE_COLUMNS
from persona_assets.tables import Batch


def take_personas(persona_rows: pl.DataFrame) -> Batch:
    """Make seed personas of a persona file's rows.

    Args:
        persona_rows: columns persona and license, in the file's order.

    Returns:
        A batch; a persona that occurs several times, in whatever spelling, gets as many ids.
    """
    # Counted by what the id is made of, or two spellings of one persona would share an id.
    normalised = pl.col("persona").map_elements(normalise, return_dtype=pl.String)
    numbered = persona_rows.with_columns(occurrence=pl.int_range(pl.len()).over(normalised))
    rows = numbered.select(
        persona_id=pl.struct("persona", "occurrence").map_elements(
            lambda row: identify_persona(row["persona"], None, None, row["occurrence"]), return_dtype=pl.String
        ),
        persona="persona",
        language=pl.col("persona").map_elements(detect_language, return_dtype=pl.String),
        doc_id=pl.lit(None, pl.String),
        relation=pl.lit(None, pl.String),
        granularity=pl.lit(None, pl.String),
        license="license",
        flags=pl.lit([], pl.List(pl.String)),
        response_keys=pl.lit([], pl.List(pl.String)),
    )
    empty = pl.DataFrame(schema=QUARANTINE_COLUMNS)
    return Batch(rows, empty, Accounting.of_rows(rows.height, rows.height, {}, {}))
