"""That a persona duplicates another, which of several duplicates counts, and what all verdicts come to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

Stage = Literal["exact", "minhash", "embedding"]

STAGES: Mapping[str, int] = {"exact": 0, "minhash": 1, "embedding": 2}
"""Their order: the first that applies is named."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which similarity on two personas are one, of token sets and of embeddings: above 0 up to 1."""

    jaccard: float = 0.9
    cosine: float = 0.9


@dataclass(frozen=True, slots=True)
class Match:
    """A kept persona that a new one duplicates; the smaller its rank, the earlier it was kept."""

    kept_id: str
    kept_persona: str
    stage: Stage
    score: float
    rank: tuple[int, int, int]


def choose(*matches: Match | None) -> Match | None:
    """Choose the match that is named: of the first stage, there the most similar, of several the earliest kept."""
    return min((match for match in matches if match is not None), key=_precedence, default=None)


def is_lexical(match: Match | None) -> bool:
    """Whether a match needs no embedding."""
    return match is not None and match.stage != "embedding"


def _precedence(match: Match) -> tuple[int, float, tuple[int, int, int]]:
    return STAGES[match.stage], -match.score, match.rank


DUPLICATE_COLUMNS = ("persona_id", "persona", "kept_id", "kept_persona", "stage", "score")

_IS_KEPT = pl.col("kept_id").is_null()
_REACHED_MINHASH = _IS_KEPT | (pl.col("stage") != "exact")
_REACHED_EMBEDDING = pl.col("readable") & (_IS_KEPT | (pl.col("stage") == "embedding"))


def split_verdicts(personas: pl.DataFrame, verdicts: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split personas by their verdicts, a row a persona in the same order, from `Deduplicator.decide`.

    Returns the kept rows, and the duplicates with `DUPLICATE_COLUMNS`; both in the input's order.
    """
    is_kept = verdicts.select(_IS_KEPT).to_series()
    return personas.filter(is_kept), verdicts.filter(~is_kept).select(DUPLICATE_COLUMNS)


def count_verdicts(verdicts: pl.DataFrame, languages: pl.Series) -> pl.DataFrame:
    """Count by language what each stage judged and dropped of the verdicts of `Deduplicator.decide`.

    Returns:
        Columns language, rows, kept, judged_exact, judged_minhash, judged_embedding, lexical_only (rows that the
        embedding model cannot read), dropped_exact, dropped_minhash, dropped_embedding; the largest group first.
    """
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
            **{f"dropped_{stage}": (pl.col("stage") == stage).sum() for stage in STAGES},
        )
        .sort("rows", "language", descending=[True, False])
    )
