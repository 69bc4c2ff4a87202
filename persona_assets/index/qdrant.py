"""The index on Qdrant: what Edge and a server have in common, above the few calls in which they differ."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, ClassVar, Final

import numpy as np

from persona_assets.index.interface import Bands, Hit, IndexPart, Neighbour, Point, Vectors, read_rank

DENSE: Final = "dense"
SPARSE: Final = "bands"
CONTRIBUTION: Final = "contribution"
FILTERS: Final = {CONTRIBUTION: "keyword", "shard": "keyword", "language": "keyword", "round": "integer"}
"""Payload fields by which a search is narrowed, and the kind of their index."""
SCAN_ROWS: Final = 8_192
TIE: Final = 1e-5
"""Dot products closer than this may be the same after rounding: whoever asks decides between them."""

Where = Mapping[str, list[Any]]
"""A point must have one of the values given for each of these payload fields."""

_UPSERT_BATCH = 500
_QUERY_BATCH = 256
_SHARING_LIMIT = 32
_NEAREST_LIMIT = 4
_GROWTH = 8


@dataclass(frozen=True, slots=True)
class Search:
    """What a batch of questions has in common.

    Attributes:
        using: name of the vector searched, `DENSE` or `SPARSE`.
        exact: whether every point is compared; else an approximate index may be used.
    """

    using: str
    limit: int
    threshold: float | None
    where: Where
    exact: bool


class PersonaIndex(ABC):
    """The established personas on Qdrant, searchable by shared bands and by nearness.

    The private abstract methods are the calls in which Edge and a server differ.

    Args:
        exact_rows: number of points up to which every search compares all of them.
    """

    compares_all: ClassVar[bool]
    """Whether the store compares every point, whatever a search asks for."""

    def __init__(self, dimension: int, exact_rows: int) -> None:
        self._dimension = dimension
        self._exact_rows = exact_rows

    @property
    def is_exhaustive(self) -> bool:
        """Whether every search compares all points."""
        return self.compares_all or self.count_all() <= self._exact_rows

    def upsert(self, points: Sequence[Point]) -> None:
        """Add points; adding a point again changes nothing."""
        for start in range(0, len(points), _UPSERT_BATCH):
            self._upsert(points[start : start + _UPSERT_BATCH])

    def keep_only(self, contributions: Collection[str]) -> None:
        """Delete every point of any other contribution."""
        self._delete(self._match({CONTRIBUTION: sorted(contributions)} if contributions else {}, negated=True))

    def delete(self, contribution: str) -> None:
        """Delete a contribution's points."""
        self._delete(self._match({CONTRIBUTION: [contribution]}))

    def count(self, contribution: str) -> int:
        """Count a contribution's points, exactly."""
        return self._count(self._match({CONTRIBUTION: [contribution]}))

    def count_all(self) -> int:
        """Count all points, exactly."""
        return self._count(None)

    def find_sharing(self, bands: Bands, contributions: Collection[str]) -> list[list[Hit]]:
        """Find for each question all points of the contributions with at least one band in common."""
        search = Search(SPARSE, _SHARING_LIMIT, 0.5, {CONTRIBUTION: sorted(contributions)}, exact=True)
        return self._search_completely(bands.tolist(), search)

    def find_nearest(
        self, vectors: Vectors, threshold: float, contributions: Collection[str], *, exact: bool | None = None
    ) -> list[list[Hit]]:
        """Find for each question the nearest point of the contributions by dot product, and whatever ties with it.

        Args:
            exact: whether all points are compared. Default: if there are at most `exact_rows`.

        Returns:
            The nearest point at or above the threshold and every other one that is as near within `TIE`, nearest
            first, with their vectors; none if there is no such point.
        """
        if exact is None:
            exact = self.is_exhaustive
        search = Search(DENSE, _NEAREST_LIMIT, threshold, {CONTRIBUTION: sorted(contributions)}, exact)
        return self._search_completely(vectors.tolist(), search)

    def list_nearest(self, vectors: Vectors, limit: int, where: Mapping[str, str | int]) -> list[list[Neighbour]]:
        """List who is nearest to each question, exactly, nearest first. `where`: the shard, language or round."""
        search = Search(DENSE, limit, None, {name: [value] for name, value in where.items()}, exact=True)
        found: list[Sequence[Any]] = []
        for start in range(0, len(vectors), _QUERY_BATCH):
            found += self._ask(vectors[start : start + _QUERY_BATCH].tolist(), search)
        return [[_read_neighbour(point) for point in points] for points in found]

    def scan(self, contributions: Collection[str]) -> Iterator[IndexPart]:
        """Read every point of some contributions once, some thousand at a time."""
        chosen, offset = self._match({CONTRIBUTION: sorted(contributions)}), None
        while True:
            points, offset = self._scroll(chosen, offset)
            yield _read_part(points, self._dimension)
            if offset is None:
                return

    @abstractmethod
    def flush(self) -> None:
        """Return when everything is on disk."""

    @abstractmethod
    def close(self) -> None:
        """Release the index; what was added is on disk."""

    @abstractmethod
    def _upsert(self, points: Sequence[Point]) -> None: ...

    @abstractmethod
    def _delete(self, chosen: Any) -> None: ...

    @abstractmethod
    def _count(self, chosen: Any | None) -> int: ...

    @abstractmethod
    def _query(self, vectors: Sequence[Any], search: Search, chosen: Any | None) -> Sequence[Sequence[Any]]: ...

    @abstractmethod
    def _scroll(self, chosen: Any, offset: Any) -> tuple[Sequence[Any], Any]: ...

    @abstractmethod
    def _match(self, where: Where, *, negated: bool = False) -> Any: ...

    @abstractmethod
    def _sparse(self, indices: Sequence[int]) -> Any: ...

    def _name_vectors(self, point: Point) -> dict[str, Any]:
        dense = {} if point.vector is None else {DENSE: list(point.vector)}
        return {SPARSE: self._sparse(point.bands), **dense}

    def _ask(self, questions: Sequence[Any], search: Search) -> Sequence[Sequence[Any]]:
        vectors = [self._sparse(question) for question in questions] if search.using == SPARSE else questions
        return self._query(vectors, search, self._match(search.where) if search.where else None)

    def _search_completely(self, questions: Sequence[Any], search: Search) -> list[list[Hit]]:
        answers: list[list[Hit]] = [[] for _ in questions]
        if not search.where[CONTRIBUTION]:
            return answers
        for start in range(0, len(questions), _QUERY_BATCH):
            rows = list(range(start, min(start + _QUERY_BATCH, len(questions))))
            limit = search.limit
            while rows:
                found = self._ask([questions[row] for row in rows], replace(search, limit=limit))
                for row, points in zip(rows, found, strict=True):
                    least = points[0].score - TIE if points and search.using == DENSE else -inf
                    answers[row] = [_read_hit(point) for point in points if point.score >= least]
                # Where the limit cut off none but the worse ones, all are found.
                rows = [row for row in rows if len(answers[row]) >= limit]
                limit *= _GROWTH
        return answers


def _read_part(points: Sequence[Any], dimension: int) -> IndexPart:
    payloads = [point.payload for point in points]
    dense = [point.vector.get(DENSE) for point in points]
    readable = np.array([vector is not None for vector in dense], dtype=np.bool_)
    vectors = np.zeros((len(points), dimension), dtype=np.float32)
    if readable.any():
        vectors[readable] = [vector for vector in dense if vector is not None]
    return IndexPart(
        persona_ids=[payload["persona_id"] for payload in payloads],
        personas=[payload["persona"] for payload in payloads],
        bands=np.array([point.vector[SPARSE].indices for point in points], dtype=np.uint32),
        readable=readable,
        vectors=vectors,
        ranks=[read_rank(payload["rank"]) for payload in payloads],
    )


def _read_hit(point: Any) -> Hit:
    payload, vectors = point.payload, point.vector
    vector = vectors[DENSE] if vectors else None
    return Hit(payload["persona_id"], payload["persona"], read_rank(payload["rank"]), vector)


def _read_neighbour(point: Any) -> Neighbour:
    payload = point.payload
    named = {name: payload[name] for name in ("persona_id", "persona", "shard")}
    return Neighbour(point.score, **named, language=payload.get("language"), round=payload.get("round"))
