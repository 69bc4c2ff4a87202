"""Pairs of vectors above a threshold, all of them, by matrix products of shortened vectors.

A vector is rotated to the principal axes of its kind and cut to its first coordinates, with the length of the rest
as one more. By Cauchy and Schwarz the product of two such short vectors is at least that of the long ones, so a
pair whose short product is below the threshold is none, and only the few others are multiplied in full: exact, at
a fraction of the work.
"""

import threading
from typing import Final

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]

MARGIN: Final = 1e-4
"""How far a float32 product may lie from the exact one; what it finds within the margin is verified."""

_WIDTHS: Final = (32, 40, 48, 64, 96, 128, 192)
_LOST: Final = 1e-5
"""More than a difference of squares loses in float32: with it the last coordinate is never too short."""
MAX_SURVIVORS: Final = 2e-4
"""Of all pairs: each one that is left costs some thousand times what a product of short vectors does."""
_NO_ROWS: Rows = np.empty(0, dtype=np.int64)
_SAMPLE: Final = 4_096
_PAIRS: Final = 16_384
_LEFT: Final = 512
_RIGHT: Final = 1_024
"""Rows of a block: its products, 2 MB, stay in a core's cache until they are compared."""


def compute_cosine(left: Vectors, right: Vectors) -> Scores:
    """Compute the one similarity that thresholds are compared with, for each left row and the right one at its place.

    The dot product of normalised float32 vectors, summed in float64 row by row and rounded to six decimals:
    the same whatever block, batch or library found the pair.
    """
    cosines: Scores = np.multiply(left, right, dtype=np.float64).sum(axis=1)
    return np.round(cosines, 6)


def compare_rows(left: Vectors, left_rows: Rows, right: Vectors, right_rows: Rows) -> Scores:
    """Compute the cosines of pairs of rows, some at a time: a block of one persona's copies has half a million."""
    scores = np.empty(len(left_rows), dtype=np.float64)
    for start in range(0, len(left_rows), _PAIRS):
        part = slice(start, start + _PAIRS)
        scores[part] = compute_cosine(left[left_rows[part]], right[right_rows[part]])
    return scores


def find_pairs_within(vectors: Vectors, threshold: float) -> tuple[Rows, Rows, Scores]:
    """Find the pairs at or above a threshold in one block, of some thousand vectors at most.

    Returns:
        Later row, earlier row and cosine of each pair, ordered by later row, then earlier row.
    """
    later, earlier = np.nonzero(np.tril(vectors @ vectors.T, k=-1) >= threshold - MARGIN)
    # The zeros above the diagonal are no products; a threshold near 0 would take them for hits.
    below = earlier < later
    later, earlier = later[below], earlier[below]
    scores = compare_rows(vectors, later, vectors, earlier)
    above = scores >= threshold
    return later[above], earlier[above], scores[above]


class _Buffers(threading.local):
    """A thread's own, since a fresh one for each block costs as much as the product."""

    def __init__(self) -> None:
        self.products = np.empty(_LEFT * _RIGHT, dtype=np.float32)
        self.is_near = np.empty(_LEFT * _RIGHT, dtype=np.bool_)


class NearPairs:
    """Finds pairs whose product is at least `least`.

    Give it `MARGIN` below the threshold that is meant, and compare what is found.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._axes: Vectors | None = None
        self._width = 0
        self._buffers = _Buffers()

    @property
    def is_fitted(self) -> bool:
        """Whether vectors are shortened already, or cannot be."""
        return self._width > 0

    def fit(self, sample: Vectors, survivors: float = MAX_SURVIVORS) -> None:
        """Learn the principal axes, and the least width that leaves few pairs to multiply in full.

        Args:
            survivors: share of its pairs that may be left. The default suits an exhaustive search.
        """
        sample = sample[:_SAMPLE]
        self._width = sample.shape[1]
        _, axes = np.linalg.eigh(sample.T.astype(np.float64) @ sample)
        self._axes = np.ascontiguousarray(axes[:, ::-1], dtype=np.float32)
        for width in _WIDTHS:
            if width >= sample.shape[1]:
                break
            self._width = width
            if self._share_survivors(sample) <= survivors:
                return
        self._width, self._axes = sample.shape[1], None

    def shorten(self, vectors: Vectors) -> Vectors:
        """Shorten vectors; before `fit`, or where that gains nothing, they stay as they are."""
        if self._axes is None:
            return vectors
        head = vectors @ self._axes[:, : self._width - 1]
        rest = np.einsum("ij,ij->i", vectors, vectors) - np.einsum("ij,ij->i", head, head)
        last = np.sqrt(np.maximum(rest, 0) + _LOST)[:, None]
        return np.concatenate([head, last], axis=1, dtype=np.float32)

    def find_candidates(self, left: Vectors, right: Vectors) -> tuple[Rows, Rows]:
        """Find, by short vectors, the left and right rows of all pairs that may be at or above the threshold.

        They are ordered by block, then left row, then right row.
        """
        lefts, rights = [_NO_ROWS], [_NO_ROWS]
        for top in range(0, len(left), _LEFT):
            for start in range(0, len(right), _RIGHT):
                rows, places = self._find_block(left[top : top + _LEFT], right[start : start + _RIGHT])
                lefts.append(rows + top)
                rights.append(places + start)
        return np.concatenate(lefts), np.concatenate(rights)

    def mark_near(self, left: Vectors, rows: Rows, right: Vectors, places: Rows) -> npt.NDArray[np.bool_]:
        """Tell which candidates, a row of `left` and one of `right` each, reach the threshold as whole vectors."""
        is_near = np.empty(len(rows), dtype=np.bool_)
        for start in range(0, len(rows), _PAIRS):
            part = slice(start, start + _PAIRS)
            is_near[part] = np.einsum("ij,ij->i", left[rows[part]], right[places[part]]) >= self._least
        return is_near

    def _find_block(self, left: Vectors, right: Vectors) -> tuple[Rows, Rows]:
        size, buffers = len(left) * len(right), self._buffers
        products = buffers.products[:size]
        np.matmul(left, right.T, out=products.reshape(len(left), len(right)))
        is_near = np.greater_equal(products, self._least - MARGIN, out=buffers.is_near[:size])
        return np.divmod(np.flatnonzero(is_near), max(1, len(right)))

    def _share_survivors(self, sample: Vectors) -> float:
        short, half = self.shorten(sample), len(sample) // 2
        survive = short[:half] @ short[half:].T >= self._least
        return float((survive & (sample[:half] @ sample[half:].T < self._least)).mean()) if half else 0.0
