"""The embeddings of a shard's kept personas: searched exhaustively, or above a number of rows in cells."""

import numpy as np

from persona_assets.dedup.token_sets import grow
from persona_assets.embedding.cells import Cells
from persona_assets.embedding.near_pairs import MARGIN, MAX_SURVIVORS, NearPairs, Rows, Scores, Vectors, compare_rows
from persona_assets.embedding.threads import map_in_threads

_CHUNK = 8_192
_FIT_ROWS = 4_096
_NEARER = 100


class KeptVectors:
    """Vectors in chunks of fixed size: growing copies nothing.

    Args:
        threshold: least cosine of what is found.
        exact_rows: up to how many of them the search is exhaustive; none: however many there are.

    Attributes:
        is_exhaustive: whether every search compared all rows so far.
    """

    def __init__(self, threshold: float, exact_rows: int | None = None) -> None:
        self._threshold = threshold
        self._exact_rows = exact_rows
        self._pairs = NearPairs(threshold - MARGIN)
        self._chunks: list[Vectors] = []
        self._short: list[Vectors] = []
        self._cells: Cells | None = None
        self.is_exhaustive = True
        self._n = 0
        self._positions = np.empty(_CHUNK, dtype=np.int64)

    def __len__(self) -> int:
        return self._n

    def add(self, vectors: Vectors, positions: list[int]) -> None:
        """Append the vectors of newly kept personas, with their positions among all kept ones."""
        self._positions = grow(self._positions, self._n + len(positions))
        self._positions[self._n : self._n + len(positions)] = positions
        if self._cells:
            numbers = np.arange(self._n, self._n + len(positions))
            self._cells.add(vectors, self._pairs.shorten(vectors), numbers)
        done = 0
        while done < len(positions):
            place = self._n % _CHUNK
            if place == 0:
                self._open_chunk(vectors.shape[1])
            count = min(_CHUNK - place, len(positions) - done)
            part = vectors[done : done + count]
            self._chunks[-1][place : place + count] = part
            if not self._cells and self._short[-1] is not self._chunks[-1]:
                self._short[-1][place : place + count] = self._pairs.shorten(part)
            self._n += count
            done += count
        if self._n >= _FIT_ROWS and not self._pairs.is_fitted:
            self._pairs.fit(self._chunks[0][:_FIT_ROWS])
            self._short = [self._pairs.shorten(chunk) for chunk in self._chunks]
        if not self._cells and self._exact_rows is not None and self._n > max(self._exact_rows, _FEWEST_IN_CELLS):
            self._open_cells()

    def end_search(self) -> None:
        """Let go of what only searches need; the vectors stay, to be taken."""
        self._short, self._cells = [], None

    def take(self, start: int, stop: int) -> Vectors:
        """The vectors that were added as number `start` up to `stop`."""
        parts = []
        while start < stop:
            place = start % _CHUNK
            count = min(_CHUNK - place, stop - start)
            parts.append(self._chunks[start // _CHUNK][place : place + count])
            start += count
        return np.concatenate(parts) if parts else _NO_VECTORS

    def let_go(self, stop: int) -> None:
        """Free the memory of those before number `stop`, chunk by chunk: nothing asks for them again."""
        for number in range(stop // _CHUNK):
            self._chunks[number] = _NO_VECTORS

    def find_near(self, vectors: Vectors) -> tuple[Rows, Rows, Scores]:
        """Find the kept ones that are at or above the threshold: all of them, or those in the cells that are read.

        Returns row, position of the kept persona, and cosine of each pair, ordered by row, then position.
        """
        if self._n == 0 or len(vectors) == 0:
            return _NO_ROWS, _NO_ROWS, np.empty(0)
        return self._find_in_cells(vectors) if self._cells else self._find_in_all(vectors)

    def find_missed(self, numbers: Rows) -> tuple[Rows, Rows]:
        """Search for some of the kept ones again, exhaustively.

        Returns positions of the later and the earlier one of each pair at or above the threshold.
        """
        vectors = self._gather(numbers)
        later, earlier = [_NO_ROWS], [_NO_ROWS]
        short = self._pairs.shorten(vectors)
        for number, chunk in enumerate(self._chunks):
            first = number * _CHUNK
            part = chunk[: self._n - first]
            rows, places = self._pairs.find_candidates(short, self._pairs.shorten(part))
            # A pair is met twice where both are asked for, and each meets itself.
            is_other = places + first != numbers[rows]
            rows, places = rows[is_other], places[is_other]
            above = compare_rows(vectors, rows, chunk, places) >= self._threshold
            mine, others = self._positions[numbers[rows[above]]], self._positions[places[above] + first]
            later.append(np.maximum(mine, others))
            earlier.append(np.minimum(mine, others))
        return np.concatenate(later), np.concatenate(earlier)

    def _find_in_all(self, vectors: Vectors) -> tuple[Rows, Rows, Scores]:
        short = self._pairs.shorten(vectors)

        def search(number: int) -> tuple[Rows, Rows, Scores]:
            first = number * _CHUNK
            rows, places = self._pairs.find_candidates(short, self._short[number][: self._n - first])
            return self._verify(vectors, rows, self._chunks[number], places, self._positions[places + first])

        return _order(map_in_threads(search, range(len(self._chunks))))

    def _find_in_cells(self, vectors: Vectors) -> tuple[Rows, Rows, Scores]:
        assert self._cells is not None  # noqa: S101 - asked for only where there are some
        short = self._pairs.shorten(vectors)

        def search(cell: tuple[Rows, Vectors, Rows]) -> tuple[Rows, Rows]:
            asking, others, numbers = cell
            left, right = self._pairs.find_candidates(short[asking], others)
            return asking[left], numbers[right]

        found = [(_NO_ROWS, _NO_ROWS), *map_in_threads(search, [*self._cells.iter_read(vectors)])]
        rows, kept = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return _order([self._verify(vectors, rows, self._gather(kept), np.arange(len(kept)), self._positions[kept])])

    def _verify(
        self, vectors: Vectors, rows: Rows, others: Vectors, places: Rows, positions: Rows
    ) -> tuple[Rows, Rows, Scores]:
        is_near = self._pairs.mark_near(vectors, rows, others, places)
        rows, places, positions = rows[is_near], places[is_near], positions[is_near]
        scores = compare_rows(vectors, rows, others, places)
        above = scores >= self._threshold
        return rows[above], positions[above], scores[above]

    def _open_chunk(self, dimension: int) -> None:
        self._chunks.append(np.zeros((_CHUNK, dimension), dtype=np.float32))
        if not self._cells:
            width = self._pairs.shorten(np.zeros((1, dimension), dtype=np.float32)).shape[1]
            is_short = width < dimension
            self._short.append(np.zeros((_CHUNK, width), dtype=np.float32) if is_short else self._chunks[-1])

    def _open_cells(self) -> None:
        self._cells, self.is_exhaustive = Cells(self.take(0, self._n)), False
        # In a cell all are near to each other: more pairs are left there than of any two.
        self._pairs.fit(self._chunks[0][:_FIT_ROWS], MAX_SURVIVORS / _NEARER)
        for number, chunk in enumerate(self._chunks):
            part = chunk[: self._n - number * _CHUNK]
            self._cells.add(part, self._pairs.shorten(part), number * _CHUNK + np.arange(len(part)))
        self._short = []

    def _gather(self, numbers: Rows) -> Vectors:
        vectors = np.empty((len(numbers), self._chunks[0].shape[1]), dtype=np.float32)
        chunks, places = np.divmod(numbers, _CHUNK)
        for number in np.unique(chunks).tolist():
            rows = np.flatnonzero(chunks == number)
            vectors[rows] = self._chunks[number][places[rows]]
        return vectors


def _order(found: list[tuple[Rows, Rows, Scores]]) -> tuple[Rows, Rows, Scores]:
    rows, positions, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((positions, rows))
    return rows[order], positions[order], scores[order]


_FEWEST_IN_CELLS = 10_000
"""Below this the centres would be learned from too few."""

_NO_VECTORS: Vectors = np.empty((0, 0), dtype=np.float32)
_NO_ROWS: Rows = np.empty(0, dtype=np.int64)
