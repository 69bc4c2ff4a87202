"""How often the rule was broken where the search is approximate: a sample searched exhaustively.

An index on disk is always searched exhaustively. A server above `hub.exact_rows` points is not, and neither are the
kept personas of one shard above so many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from persona_assets.dedup.established import IndexView
from persona_assets.dedup.match import Thresholds
from persona_assets.dedup.preparation import prepare_personas
from persona_assets.dedup.rule import Deduplicator
from persona_assets.embedding.encoder import TextEncoder
from persona_assets.embedding.proposer import find_judge
from persona_assets.index.qdrant import PersonaIndex

SAMPLE_ROWS: Final = 1_000
SAMPLE_WITHIN: Final = 10_000
"""Kept personas of the shard itself that are searched for again; they lie in memory, which makes it cheap."""


@dataclass(frozen=True, slots=True)
class ViolationSample:
    """How many kept personas were searched for exhaustively, and how many of them should have been dropped."""

    rows: int
    violations: int

    @property
    def rate(self) -> float:
        """Violations a row; 0 for an empty sample."""
        return self.violations / self.rows if self.rows else 0.0


def sample_violations(
    index: PersonaIndex, established: Sequence[str], kept: pl.DataFrame, *, thresholds: Thresholds, encoder: TextEncoder
) -> ViolationSample:
    """Search for at most `SAMPLE_ROWS` newly kept personas again, exhaustively, before they are added."""
    sample = kept.sample(min(SAMPLE_ROWS, len(kept)), seed=0)
    view = IndexView(index, established, exact=True)
    rule = Deduplicator(thresholds, view, find_judge(encoder))
    verdicts = rule.decide(prepare_personas(sample, encoder, thresholds.jaccard))
    return ViolationSample(len(sample), len(sample) - verdicts["kept_id"].null_count())
