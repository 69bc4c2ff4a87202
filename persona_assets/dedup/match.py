"""That a persona duplicates another, and which of several duplicates counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Stage = Literal["exact", "minhash", "embedding"]

STAGES: Mapping[str, int] = {"exact": 0, "minhash": 1, "embedding": 2}
"""Their order: the first that applies is named."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which similarity on two personas are one.

    Attributes:
        jaccard: of token sets, above 0 up to 1.
        cosine: of embeddings, above 0 up to 1.
    """

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
