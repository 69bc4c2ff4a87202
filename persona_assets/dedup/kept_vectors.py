"""The embeddings of a shard's kept personas, searched exhaustively by matrix products."""

import numpy as np
import numpy.typing as npt

from persona_assets.embedding.encoder import Vectors

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]

MARGIN = 1e-4
"""How far a float32 product may lie from the exact one; what it finds within the margin is verified."""

_CHUNK = 8_192
_PAIRS = 16_384


def compute_cosine(left: Vectors, right: Vectors) -> Scores:
    """Compute the one similarity that thresholds are compared with, pair by pair.

    The dot product of normalised float32 vectors, summed in float64 row by row and rounded to six decimals:
    the same whatever block, batch or library found the pair.

    Args:
        left: a vector a pair.
        right: the other vector of each pair.

    Returns:
        A cosine a pair.
    """
    cosines: Scores = np.multiply(left, right, dtype=np.float64).sum(axis=1)
    return np.round(cosines, 6)


class KeptVectors:
    """Vectors in chunks of fixed size: growing copies nothing."""

    def __init__(self) -> None:
        self._chunks: list[Vectors] = []
        self._n = 0
        self._positions: list[int] = []

    def add(self, vectors: Vectors, positions: list[int]) -> None:
        """Append the vectors of newly kept personas, with their positions among all kept ones."""
        done = 0
        while done < len(positions):
            place = self._n % _CHUNK
            if place == 0:
                self._chunks.append(np.empty((_CHUNK, vectors.shape[1]), dtype=np.float32))
            count = min(_CHUNK - place, len(positions) - done)
            self._chunks[-1][place : place + count] = vectors[done : done + count]
            self._n += count
            done += count
        self._positions.extend(positions)

    def find_best(self, vectors: Vectors, threshold: float) -> tuple[Rows, Rows, Scores]:
        """Find for each vector the most similar kept one.

        Args:
            vectors: normalised vectors.
            threshold: least cosine.

        Returns:
            Of each vector that has one: its row, the position of the most similar kept persona at or above the
            threshold (the earliest of several), and the cosine. Rows are in order.
        """
        rows, places, scores = [_NO_ROWS], [_NO_ROWS], [np.empty(0)]
        for number, chunk in enumerate(self._chunks if len(vectors) else ()):
            filled = chunk[: self._n - number * _CHUNK]
            row, place = np.nonzero(vectors @ filled.T >= threshold - MARGIN)
            rows.append(row)
            places.append(place + number * _CHUNK)
            scores.append(_compare_rows(vectors, row, filled, place))
        return self._choose_best(np.concatenate(rows), np.concatenate(places), np.concatenate(scores), threshold)

    def _choose_best(self, rows: Rows, places: Rows, scores: Scores, threshold: float) -> tuple[Rows, Rows, Scores]:
        above = np.flatnonzero(scores >= threshold)
        ordered = above[np.lexsort((places[above], -scores[above], rows[above]))]
        found, first = np.unique(rows[ordered], return_index=True)
        best = ordered[first]
        positions = np.array([self._positions[place] for place in places[best]], dtype=np.int64)
        return found, positions, scores[best]


def find_pairs_within(vectors: Vectors, threshold: float) -> tuple[Rows, Rows, Scores]:
    """Find the pairs of one block at or above a threshold.

    Args:
        vectors: normalised vectors, some thousand at most.
        threshold: least cosine.

    Returns:
        Later row, earlier row and cosine of each pair, ordered by later row, then earlier row.
    """
    later, earlier = np.nonzero(np.tril(vectors @ vectors.T, k=-1) >= threshold - MARGIN)
    # The zeros above the diagonal are no products; a threshold near 0 would take them for hits.
    below = earlier < later
    later, earlier = later[below], earlier[below]
    scores = _compare_rows(vectors, later, vectors, earlier)
    above = scores >= threshold
    return later[above], earlier[above], scores[above]


def _compare_rows(left: Vectors, left_rows: Rows, right: Vectors, right_rows: Rows) -> Scores:
    # Copies of the paired rows, some at a time: a block of one persona's copies has half a million pairs.
    scores = np.empty(len(left_rows), dtype=np.float64)
    for start in range(0, len(left_rows), _PAIRS):
        part = slice(start, start + _PAIRS)
        scores[part] = compute_cosine(left[left_rows[part]], right[right_rows[part]])
    return scores


_NO_ROWS: Rows = np.empty(0, dtype=np.int64)
