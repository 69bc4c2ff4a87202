"""The embeddings of a shard's kept personas, searched exhaustively."""

import numpy as np

from persona_assets.embedding.near_pairs import MARGIN, NearPairs, Rows, Scores, Searchable, Vectors, compare_rows

_CHUNK = 8_192
_FIT_ROWS = 4_096


class KeptVectors:
    """Vectors in chunks of fixed size: growing copies nothing.

    Args:
        threshold: least cosine of what is found.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._pairs = NearPairs(threshold - MARGIN)
        self._chunks: list[Searchable] = []
        self._n = 0
        self._positions = np.empty(_CHUNK, dtype=np.int64)

    def __len__(self) -> int:
        return self._n

    def add(self, vectors: Vectors, positions: list[int]) -> None:
        """Append the vectors of newly kept personas, with their positions among all kept ones."""
        self._grow(len(positions))
        self._positions[self._n : self._n + len(positions)] = positions
        done = 0
        while done < len(positions):
            place = self._n % _CHUNK
            if place == 0:
                self._chunks.append(self._make_chunk(vectors.shape[1]))
            count = min(_CHUNK - place, len(positions) - done)
            part = vectors[done : done + count]
            self._chunks[-1].vectors[place : place + count] = part
            if self._chunks[-1].short is not self._chunks[-1].vectors:
                self._chunks[-1].short[place : place + count] = self._pairs.shorten(part)
            self._n += count
            done += count
        if self._n >= _FIT_ROWS and not self._pairs.is_fitted:
            self._pairs.fit(self._chunks[0].vectors[:_FIT_ROWS])
            self._chunks = [Searchable(c.vectors, self._pairs.shorten(c.vectors)) for c in self._chunks]

    def take(self, start: int, stop: int) -> Vectors:
        """The vectors that were added as number `start` up to `stop`."""
        parts = []
        while start < stop:
            place = start % _CHUNK
            count = min(_CHUNK - place, stop - start)
            parts.append(self._chunks[start // _CHUNK].vectors[place : place + count])
            start += count
        return np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32)

    def find_near(self, vectors: Vectors) -> tuple[Rows, Rows, Scores]:
        """Find all kept ones that are at or above the threshold.

        Args:
            vectors: normalised vectors.

        Returns:
            Row, position of the kept persona, and cosine of each pair, ordered by row, then position.
        """
        rows: list[Rows] = []
        positions: list[Rows] = []
        scores: list[Scores] = []
        if self._n == 0 or len(vectors) == 0:
            return _NO_ROWS, _NO_ROWS, np.empty(0)
        asked = Searchable(vectors, self._pairs.shorten(vectors))
        for number, chunk in enumerate(self._chunks):
            n = min(self._n - number * _CHUNK, _CHUNK)
            row, place = self._pairs.find(asked, Searchable(chunk.vectors[:n], chunk.short[:n]))
            score = compare_rows(vectors, row, chunk.vectors, place)
            above = score >= self._threshold
            rows.append(row[above])
            positions.append(self._positions[place[above] + number * _CHUNK])
            scores.append(score[above])
        return _order(np.concatenate(rows), np.concatenate(positions), np.concatenate(scores))

    def _make_chunk(self, dimension: int) -> Searchable:
        vectors = np.zeros((_CHUNK, dimension), dtype=np.float32)
        width = self._pairs.shorten(np.zeros((1, dimension), dtype=np.float32)).shape[1]
        return Searchable(vectors, vectors if width == dimension else np.zeros((_CHUNK, width), dtype=np.float32))

    def _grow(self, count: int) -> None:
        if self._n + count > len(self._positions):
            size = max(2 * len(self._positions), self._n + count)
            self._positions = np.resize(self._positions, size)


def _order(rows: Rows, positions: Rows, scores: Scores) -> tuple[Rows, Rows, Scores]:
    order = np.lexsort((positions, rows))
    return rows[order], positions[order], scores[order]


_NO_ROWS: Rows = np.empty(0, dtype=np.int64)
