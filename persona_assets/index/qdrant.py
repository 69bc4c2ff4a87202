"""The index on Qdrant: what Edge and a server have in common, above the few calls in which they differ."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from persona_assets.index.interface import TIE, Bands, Hit, Point, Vectors
from persona_assets.index.scan import PointVectors, scan_nearest

DENSE: Final = "dense"
SPARSE: Final = "bands"
CONTRIBUTION: Final = "contribution"

_UPSERT_BATCH = 500
_QUERY_BATCH = 256
_SHARING_LIMIT = 32
_NEAREST_LIMIT = 4
_GROWTH = 8
SCAN_ROWS: Final = 8_192
_SCAN_FROM = 1_000
"""Questions from which on one pass over all points is faster than a search for each."""


@dataclass(frozen=True, slots=True)
class ScoredHit:
    """A hit with the score that the store gave it."""

    score: float
    hit: Hit


@dataclass(frozen=True, slots=True)
class Search:
    """What a batch of questions has in common.

    Attributes:
        using: name of the vector searched, `DENSE` or `SPARSE`.
        limit: most hits a question.
        threshold: least score of a hit.
        contributions: only these are searched.
        exact: whether every point is compared; else an approximate index may be used.
    """

    using: str
    limit: int
    threshold: float
    contributions: Sequence[str]
    exact: bool


class Store(Protocol):
    """The calls in which Edge and a server differ."""

    @property
    def is_exhaustive(self) -> bool:
        """Whether it compares every point, whatever a search asks for."""
        ...

    def upsert(self, points: Sequence[Point]) -> None:
        """Add points."""
        ...

    def keep_only(self, contributions: Sequence[str]) -> None:
        """Delete the points of all other contributions."""
        ...

    def delete(self, contribution: str) -> None:
        """Delete the points of a contribution."""
        ...

    def count(self, contribution: str | None) -> int:
        """Count the points of a contribution, or all."""
        ...

    def query(self, questions: Sequence[Sequence[Any]], search: Search) -> list[list[ScoredHit]]:
        """Answer a batch of questions: dense vectors, or indices of sparse ones. Best hits first."""
        ...

    def scan(self, contributions: Sequence[str]) -> Iterator[PointVectors]:
        """Read the points of contributions that have a dense vector, some thousand at a time."""
        ...

    def fetch(self, point_ids: Sequence[str]) -> Mapping[str, Any]:
        """Read the payloads of points."""
        ...

    def flush(self) -> None:
        """Return when everything is on disk."""
        ...

    def close(self) -> None:
        """Release the store."""
        ...


class QdrantIndex:
    """A `PersonaIndex` on a store.

    Args:
        store: Edge or a server.
        exact_rows: number of points up to which every search compares all of them.
    """

    def __init__(self, store: Store, exact_rows: int) -> None:
        self._store = store
        self._exact_rows = exact_rows

    def upsert(self, points: Sequence[Point]) -> None:
        """Add points; adding a point again changes nothing."""
        for start in range(0, len(points), _UPSERT_BATCH):
            self._store.upsert(points[start : start + _UPSERT_BATCH])

    def keep_only(self, contributions: Collection[str]) -> None:
        """Delete every point of any other contribution."""
        self._store.keep_only(sorted(contributions))

    def delete(self, contribution: str) -> None:
        """Delete a contribution's points."""
        self._store.delete(contribution)

    def count(self, contribution: str) -> int:
        """Count a contribution's points, exactly."""
        return self._store.count(contribution)

    def count_all(self) -> int:
        """Count all points, exactly."""
        return self._store.count(None)

    def find_sharing(self, bands: Bands, contributions: Collection[str]) -> list[list[Hit]]:
        """Find all who share a band, however many they are."""
        search = Search(SPARSE, _SHARING_LIMIT, 0.5, sorted(contributions), exact=True)
        return self._search_completely(bands.tolist(), search, lambda _: False)

    def find_nearest(
        self, vectors: Vectors, threshold: float, contributions: Collection[str], *, exact: bool | None = None
    ) -> list[list[Hit]]:
        """Find the nearest at or above the threshold and whatever ties with it.

        Args:
            vectors: a normalised row a question.
            threshold: least dot product of a hit.
            contributions: only these are searched.
            exact: whether all points are compared. Default: if there are at most `exact_rows`.

        Returns:
            The hits of each question, nearest first, with their vectors.
        """
        if exact is None:
            exact = self.count_all() <= self._exact_rows
        if (exact or self._store.is_exhaustive) and len(vectors) >= _SCAN_FROM and contributions:
            return self._scan_nearest(vectors, threshold, sorted(contributions))
        search = Search(DENSE, _NEAREST_LIMIT, threshold, sorted(contributions), exact)
        return self._search_completely(vectors.tolist(), search, _has_seen_all_ties)

    def _scan_nearest(self, vectors: Vectors, threshold: float, contributions: Sequence[str]) -> list[list[Hit]]:
        found = scan_nearest(vectors, self._store.scan(contributions), threshold)
        payloads: dict[str, Any] = {}
        wanted = sorted({point_id for nearest in found.values() for point_id, _ in nearest})
        for start in range(0, len(wanted), _UPSERT_BATCH):
            payloads.update(self._store.fetch(wanted[start : start + _UPSERT_BATCH]))
        return [
            [make_hit(payloads[point_id], vector) for point_id, vector in found.get(row, ())]
            for row in range(len(vectors))
        ]

    def flush(self) -> None:
        """Return when everything is on disk."""
        self._store.flush()

    def close(self) -> None:
        """Release the store."""
        self._store.close()

    def _search_completely(
        self, questions: Sequence[Sequence[Any]], search: Search, is_enough: Callable[[Sequence[ScoredHit]], bool]
    ) -> list[list[Hit]]:
        answers: list[list[Hit]] = [[] for _ in questions]
        if not search.contributions:
            return answers
        for start in range(0, len(questions), _QUERY_BATCH):
            rows = list(range(start, min(start + _QUERY_BATCH, len(questions))))
            limit = search.limit
            while rows:
                grown = Search(search.using, limit, search.threshold, search.contributions, search.exact)
                found = dict(zip(rows, self._store.query([questions[row] for row in rows], grown), strict=True))
                for row, hits in found.items():
                    answers[row] = [scored.hit for scored in hits if search.using == SPARSE or _ties(scored, hits[0])]
                rows = [row for row, hits in found.items() if len(hits) >= limit and not is_enough(hits)]
                limit *= _GROWTH
        return answers


def read_points(points: Iterable[tuple[Any, Any]]) -> PointVectors:
    """Make rows of points with their named vectors; those without a dense one are left out."""
    known = [(str(point_id), vectors[DENSE]) for point_id, vectors in points if vectors and DENSE in vectors]
    rows = np.array([vector for _, vector in known], dtype=np.float32)
    return PointVectors([point_id for point_id, _ in known], rows)


def read_hit(score: float, payload: Any, vectors: Any) -> ScoredHit:
    """Make a hit of a scored point: its payload, and its named vectors where they were asked for."""
    return ScoredHit(score, make_hit(payload, vectors[DENSE] if vectors else None))


def make_hit(payload: Any, vector: Sequence[float] | Vectors | None) -> Hit:
    """Make a hit of a point's payload, and its dense vector where it was asked for."""
    return Hit(payload["persona_id"], payload["persona"], (payload["order"], payload["position"]), vector)


def _ties(scored: ScoredHit, best: ScoredHit) -> bool:
    return scored.score >= best.score - TIE


def _has_seen_all_ties(hits: Sequence[ScoredHit]) -> bool:
    return not _ties(hits[-1], hits[0])
