"""Many questions at once, answered by reading every point once: exact, and for thousands the fastest way.

A store compares one question with all points in a pass of its own. Read once and multiplied with all questions
together (`NearPairs`), a million points answer 100,000 questions in the time in which Qdrant answers a few thousand.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from persona_assets.embedding.near_pairs import NearPairs, Searchable, Vectors
from persona_assets.index.interface import TIE


@dataclass(frozen=True, slots=True)
class PointVectors:
    """Some points of a store.

    Attributes:
        ids: of the points.
        vectors: a row a point.
    """

    ids: list[str]
    vectors: Vectors


@dataclass(slots=True)
class _Nearest:
    """The nearest points of one question so far, with their products and vectors."""

    best: float = -1.0
    points: list[tuple[float, str, Vectors]] = field(default_factory=list)

    def offer(self, product: float, point_id: str, vector: Vectors) -> None:
        if product < self.best - TIE:
            return
        self.points.append((product, point_id, vector))
        if product > self.best:
            self.best = product
            self.points = [point for point in self.points if point[0] >= product - TIE]


def scan_nearest(
    questions: Vectors, points: Iterable[PointVectors], threshold: float
) -> Mapping[int, list[tuple[str, Vectors]]]:
    """Find for each question the nearest point and those that tie with it.

    Args:
        questions: normalised vectors.
        points: all points, some at a time.
        threshold: least dot product.

    Returns:
        For each row of `questions` that has any: ids and vectors, nearest first.
    """
    pairs = NearPairs(threshold)
    found: dict[int, _Nearest] = {}
    asked: Searchable | None = None
    for part in points:
        if not part.ids:
            continue
        if asked is None:
            pairs.fit(part.vectors)
            asked = Searchable(questions, pairs.shorten(questions))
        rows, places = pairs.find(asked, Searchable(part.vectors, pairs.shorten(part.vectors)))
        products = np.einsum("ij,ij->i", questions[rows], part.vectors[places])
        for row, place, product in zip(rows.tolist(), places.tolist(), products.tolist(), strict=True):
            # A copy: a view would keep the whole part in memory.
            found.setdefault(row, _Nearest()).offer(product, part.ids[place], part.vectors[place].copy())
    return {
        row: [(point_id, vector) for _, point_id, vector in sorted(nearest.points, key=lambda point: -point[0])]
        for row, nearest in found.items()
    }
