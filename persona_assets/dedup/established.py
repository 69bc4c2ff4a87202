"""The established personas in the index: what the rule asks of them, and how they get there."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import polars as pl

from persona_assets.dedup.minhash import N_PERMUTATIONS, SEED, Bands, choose_band_rows
from persona_assets.dedup.preparation import prepare_personas
from persona_assets.dedup.published import Contribution
from persona_assets.embedding.encoder import TextEncoder, Vectors
from persona_assets.index.interface import Hit, IndexPart, IndexSpec, PersonaColumns, Point
from persona_assets.index.qdrant import PersonaIndex

TOKENS_VERSION: Final = 1
"""Counts up when `normalise`, `tokenise` or the band hashes change, since the stored bands then no longer fit."""

_PAYLOAD_VERSION: Final = 3
"""Counts up when what is stored beside the vectors changes."""


class IndexView:
    """The personas of some contributions, as the rule sees them.

    Args:
        exact: whether embeddings are searched exhaustively, however the index is set.
    """

    def __init__(self, index: PersonaIndex, contributions: Sequence[str], *, exact: bool = False) -> None:
        self._index = index
        self._contributions = contributions
        self._exact = exact

    def find_sharing(self, bands: Bands) -> Sequence[Sequence[Hit]]:
        """Find all that share a band, for each row."""
        return self._index.find_sharing(bands, self._contributions)

    def find_nearest(self, vectors: Vectors, threshold: float) -> Sequence[Sequence[Hit]]:
        """Find the nearest at or above the threshold and whatever ties with it, for each row."""
        return self._index.find_nearest(vectors, threshold, self._contributions, exact=self._exact or None)

    @property
    def can_scan(self) -> bool:
        """Whether to read all of it once for many personas, which gives what an exhaustive search does."""
        return self._exact or self._index.is_exhaustive

    def scan(self) -> Iterator[IndexPart]:
        """Read all of it."""
        return self._index.scan(self._contributions)


def make_spec(encoder: TextEncoder, jaccard: float) -> IndexSpec:
    """Say what an index must hold for a model and a Jaccard threshold."""
    rows = choose_band_rows(jaccard)
    bands = f"bands-{N_PERMUTATIONS // rows}x{rows}"
    lexical = f"tokens-{TOKENS_VERSION} minhash-{N_PERMUTATIONS} seed-{SEED} {bands} payload-{_PAYLOAD_VERSION}"
    return IndexSpec(encoder.identity, encoder.dimension, lexical)


def upsert_rows(
    index: PersonaIndex,
    contribution: Contribution,
    frames: Iterable[pl.DataFrame],
    encoder: TextEncoder,
    jaccard: float,
) -> None:
    """Put a contribution's personas (persona_id, persona, language, round), as the lake has them, into the index."""
    position = 0
    for frame in frames:
        part = prepare_personas(frame, encoder, jaccard)
        index.upsert(_make_points(part, frame, contribution, position))
        position += len(part)


def upsert_kept(
    index: PersonaIndex, contribution: Contribution, kept: pl.DataFrame, parts: Iterable[PersonaColumns]
) -> None:
    """Put what a decision kept into the index. `kept`: language and round of the kept personas, in order."""
    position = 0
    for part in parts:
        index.upsert(_make_points(part, kept.slice(position, len(part)), contribution, position))
        position += len(part)


def _make_points(part: PersonaColumns, attributes: pl.DataFrame, contribution: Contribution, first: int) -> list[Point]:
    bands, vectors = part.bands.tolist(), part.vectors.tolist()
    languages, rounds = attributes["language"].to_list(), attributes["round"].to_list()
    name = contribution.name
    return [
        Point(
            persona_id=part.persona_ids[row],
            persona=part.personas[row],
            contribution=name,
            order=contribution.order,
            position=first + row,
            bands=bands[row],
            vector=vectors[row] if is_readable else None,
            language=languages[row],
            round=rounds[row],
        )
        for row, is_readable in enumerate(part.readable.tolist())
    ]
