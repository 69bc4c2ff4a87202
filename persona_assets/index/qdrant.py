"""The index on Qdrant: what Edge and a server have in common, above the few calls in which they differ."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from persona_assets.index.interface import TIE, Bands, Hit, IndexPart, Neighbour, Point, Vectors, read_rank

DENSE: Final = "dense"
SPARSE: Final = "bands"
CONTRIBUTION: Final = "contribution"
FILTERS: Final = {CONTRIBUTION: "keyword", "shard": "keyword", "language": "keyword", "round": "integer"}
"""Payload fields by which a search is narrowed, and the kind of their index."""

Where = Mapping[str, list[str] | list[int]]

_UPSERT_BATCH = 500
_QUERY_BATCH = 256
_SHARING_LIMIT = 32
_NEAREST_LIMIT = 4
_GROWTH = 8
SCAN_ROWS: Final = 8_192


@dataclass(frozen=True, slots=True)
class ScoredHit:
    """A hit with the score that the store gave it, and all that is stored beside it."""

    score: float
    hit: Hit
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Search:
    """What a batch of questions has in common.

    Attributes:
        using: name of the vector searched, `DENSE` or `SPARSE`.
        where: a point must have one of the values given for each of these payload fields.
        exact: whether every point is compared; else an approximate index may be used.
    """

    using: str
    limit: int
    threshold: float | None
    where: Where
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

    def scan(self, contributions: Sequence[str]) -> Iterator[IndexPart]:
        """Read the points of contributions, `SCAN_ROWS` at a time."""
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

    @property
    def is_exhaustive(self) -> bool:
        """Whether every search compares all points."""
        return self._store.is_exhaustive or self.count_all() <= self._exact_rows

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
        search = Search(SPARSE, _SHARING_LIMIT, 0.5, {CONTRIBUTION: sorted(contributions)}, exact=True)
        return self._search_completely(bands.tolist(), search, lambda _: False)

    def find_nearest(
        self, vectors: Vectors, threshold: float, contributions: Collection[str], *, exact: bool | None = None
    ) -> list[list[Hit]]:
        """Find the nearest at or above the threshold and whatever ties with it.

        Args:
            contributions: only these are searched.
            exact: whether all points are compared. Default: if there are at most `exact_rows`.

        Returns:
            The hits of each question, nearest first, with their vectors.
        """
        if exact is None:
            exact = self.is_exhaustive
        search = Search(DENSE, _NEAREST_LIMIT, threshold, {CONTRIBUTION: sorted(contributions)}, exact)
        return self._search_completely(vectors.tolist(), search, _has_seen_all_ties)

    def list_nearest(self, vectors: Vectors, limit: int, where: Mapping[str, str | int]) -> list[list[Neighbour]]:
        """List who is nearest to each question, exactly."""
        search = Search(DENSE, limit, None, _wrap(where), exact=True)
        found: list[list[ScoredHit]] = []
        for start in range(0, len(vectors), _QUERY_BATCH):
            found += self._store.query(vectors[start : start + _QUERY_BATCH].tolist(), search)
        return [[_name_neighbour(scored) for scored in hits] for hits in found]

    def scan(self, contributions: Collection[str]) -> Iterator[IndexPart]:
        """Read every point of some contributions once, some thousand at a time."""
        return self._store.scan(sorted(contributions))

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
        if not search.where[CONTRIBUTION]:
            return answers
        for start in range(0, len(questions), _QUERY_BATCH):
            rows = list(range(start, min(start + _QUERY_BATCH, len(questions))))
            limit = search.limit
            while rows:
                grown = Search(search.using, limit, search.threshold, search.where, search.exact)
                found = dict(zip(rows, self._store.query([questions[row] for row in rows], grown), strict=True))
                for row, hits in found.items():
                    answers[row] = [scored.hit for scored in hits if search.using == SPARSE or _ties(scored, hits[0])]
                rows = [row for row, hits in found.items() if len(hits) >= limit and not is_enough(hits)]
                limit *= _GROWTH
        return answers


def read_part(points: Sequence[Any], dimension: int) -> IndexPart:
    """Make columns of points with payload and both vectors."""
    payloads = [point.payload for point in points]
    dense = [point.vector.get(DENSE) for point in points]
    readable = np.array([vector is not None for vector in dense], dtype=np.bool_)
    vectors = np.zeros((len(points), dimension), dtype=np.float32)
    if readable.any():
        vectors[readable] = [vector for vector in dense if vector is not None]
    return IndexPart(
        persona_ids=[payload["persona_id"] for payload in payloads],
        personas=[payload["persona"] for payload in payloads],
        ranks=[read_rank(payload["rank"]) for payload in payloads],
        bands=np.array([point.vector[SPARSE].indices for point in points], dtype=np.uint32),
        readable=readable,
        vectors=vectors,
    )


def read_hit(score: float, payload: Any, vectors: Any) -> ScoredHit:
    """Make a hit of a scored point: its payload, and its named vectors where they were asked for."""
    vector = vectors[DENSE] if vectors else None
    hit = Hit(payload["persona_id"], payload["persona"], read_rank(payload["rank"]), vector)
    return ScoredHit(score, hit, payload)


def _wrap(where: Mapping[str, str | int]) -> Where:
    words: Where = {name: [value] for name, value in where.items() if isinstance(value, str)}
    numbers: Where = {name: [value] for name, value in where.items() if isinstance(value, int)}
    return {**words, **numbers}


def _name_neighbour(scored: ScoredHit) -> Neighbour:
    payload = scored.payload
    return Neighbour(
        scored.score,
        payload["persona_id"],
        payload["persona"],
        payload["shard"],
        payload.get("language"),
        payload.get("round"),
    )


def _ties(scored: ScoredHit, best: ScoredHit) -> bool:
    return scored.score >= best.score - TIE


def _has_seen_all_ties(hits: Sequence[ScoredHit]) -> bool:
    return not _ties(hits[-1], hits[0])
