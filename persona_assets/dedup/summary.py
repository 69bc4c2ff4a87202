"""What the verdicts come to: the kept, the dropped, and who judged how many."""

import polars as pl

DUPLICATE_COLUMNS = ("persona_id", "persona", "kept_id", "kept_persona", "stage", "score")

_IS_KEPT = pl.col("kept_id").is_null()
_REACHED_MINHASH = _IS_KEPT | (pl.col("stage") != "exact")
_REACHED_EMBEDDING = pl.col("readable") & (_IS_KEPT | (pl.col("stage") == "embedding"))


def split_verdicts(personas: pl.DataFrame, verdicts: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split personas by their verdicts.

    Args:
        verdicts: a row a persona in the same order, from `Deduplicator.decide`.

    Returns:
        The kept rows of the input, and the duplicates with `DUPLICATE_COLUMNS`; both in the input's order.
    """
    is_kept = verdicts.select(_IS_KEPT).to_series()
    return personas.filter(is_kept), verdicts.filter(~is_kept).select(DUPLICATE_COLUMNS)


def count_verdicts(verdicts: pl.DataFrame, languages: pl.Series) -> pl.DataFrame:
    """Count by language what each stage judged and dropped.

    Args:
        verdicts: from `Deduplicator.decide`.

    Returns:
        Columns language, rows, kept, judged_exact, judged_minhash, judged_embedding, lexical_only (rows that the
        embedding model cannot read), dropped_exact, dropped_minhash, dropped_embedding; the largest group first.
    """
    stages = ("exact", "minhash", "embedding")
    return (
        verdicts.with_columns(language=languages)
        .group_by("language")
        .agg(
            rows=pl.len(),
            kept=_IS_KEPT.sum(),
            judged_exact=pl.len(),
            judged_minhash=_REACHED_MINHASH.sum(),
            judged_embedding=_REACHED_EMBEDDING.sum(),
            lexical_only=(~pl.col("readable")).sum(),
            **{f"dropped_{stage}": (pl.col("stage") == stage).sum() for stage in stages},
        )
        .sort("rows", "language", descending=[True, False])
    )
