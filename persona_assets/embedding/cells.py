"""Vectors in cells around learned centres: each is searched in the cells nearest to it, where all would be too many.

Like an inverted file index: a pair is missed when one vector lies in none of the cells that the other one reads. How
many that are was measured on a million (`benchmarks/bench_routing.py`), and each decision measures it anew.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from persona_assets.embedding.near_pairs import Rows, Vectors

CELLS: Final = 256
READ: Final = 32
"""Cells that a vector is searched in."""

_TRAINED_ON: Final = 50_000
_FIRST_ROOM: Final = 1_024


class Cells:
    """Short vectors by cell, in arrays that grow by half when they are full.

    The centres are learned from a sample of what is searched, with at least as many vectors as there are cells.
    """

    def __init__(self, sample: Vectors) -> None:
        from sklearn.cluster import MiniBatchKMeans

        step = max(1, len(sample) // _TRAINED_ON)
        clusters = MiniBatchKMeans(CELLS, batch_size=10_000, n_init=1, random_state=0).fit(sample[::step])
        centres = clusters.cluster_centers_
        self._centres = (centres / np.linalg.norm(centres, axis=1, keepdims=True)).astype(np.float32)
        self._short: list[Vectors] = []
        self._numbers: list[Rows] = []
        self._sizes = np.zeros(CELLS, dtype=np.int64)

    def add(self, vectors: Vectors, short: Vectors, numbers: Rows) -> None:
        """Put short forms of vectors, and the numbers they go by, into the cells that the whole vectors belong in."""
        if not self._short:
            self._short = [np.empty((_FIRST_ROOM, short.shape[1]), dtype=np.float32) for _ in range(CELLS)]
            self._numbers = [np.empty(_FIRST_ROOM, dtype=np.int64) for _ in range(CELLS)]
        nearest = np.argmax(vectors @ self._centres.T, axis=1)
        order = np.argsort(nearest, kind="stable")
        counts = np.bincount(nearest, minlength=CELLS)
        start = 0
        for cell in np.flatnonzero(counts).tolist():
            rows = order[start : start + counts[cell]]
            self._append(cell, short[rows], numbers[rows])
            start += counts[cell]

    def iter_read(self, vectors: Vectors) -> Iterator[tuple[Rows, Vectors, Rows]]:
        """Yield, for each cell that whole vectors are searched in, their rows, its short vectors and their numbers."""
        nearest = np.argpartition(-(vectors @ self._centres.T), READ - 1, axis=1)[:, :READ]
        is_read: npt.NDArray[np.bool_] = np.zeros((len(vectors), CELLS), dtype=np.bool_)
        np.put_along_axis(is_read, nearest, values=True, axis=1)
        for cell in np.flatnonzero(self._sizes).tolist():
            rows = np.flatnonzero(is_read[:, cell])
            if len(rows):
                size = self._sizes[cell]
                yield rows, self._short[cell][:size], self._numbers[cell][:size]

    def _append(self, cell: int, short: Vectors, numbers: Rows) -> None:
        size, room = int(self._sizes[cell]), len(self._numbers[cell])
        if size + len(numbers) > room:
            room = max(size + len(numbers), room + room // 2)
            self._short[cell] = np.resize(self._short[cell], (room, short.shape[1]))
            self._numbers[cell] = np.resize(self._numbers[cell], room)
        self._short[cell][size : size + len(numbers)] = short
        self._numbers[cell][size : size + len(numbers)] = numbers
        self._sizes[cell] = size + len(numbers)
