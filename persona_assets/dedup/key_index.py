"""Hashes to positions in sorted arrays: 8 to 12 bytes an entry, where a dictionary of lists takes a hundred."""

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.unsignedinteger]
Rows = npt.NDArray[np.int64]


_POSITION_MASK = 2**32 - 1


class KeyIndex:
    """Which positions have a key. Grows like a log-structured merge tree: sorted runs, each twice the next."""

    def __init__(self) -> None:
        self._runs: list[tuple[Keys, npt.NDArray[np.int32]]] = []

    def add(self, keys: Keys, positions: Rows) -> None:
        """Add positions, with one key or several each. `positions`: below 2**31."""
        if keys.size == 0:
            return
        run = _sort(keys.ravel(), np.repeat(positions, keys.shape[1]).astype(np.int32))
        while self._runs and len(self._runs[-1][0]) < 2 * len(run[0]):
            former = self._runs.pop()
            run = _sort(np.concatenate([former[0], run[0]]), np.concatenate([former[1], run[1]]))
        self._runs.append(run)

    def find(self, keys: Keys) -> tuple[Rows, Rows]:
        """Find who has a key in common; returns row and position of each pair, once, ordered by row, then position."""
        # In order, a search reads the memory that the one before it has just read.
        order = np.argsort(keys.ravel(), kind="stable")
        ordered, asked = keys.ravel()[order], order // max(1, keys.shape[1])
        rows, positions = [_NONE], [_NONE]
        for run_keys, run_positions in self._runs:
            first = np.searchsorted(run_keys, ordered)
            # Most keys are nobody's: they are not searched for a second time.
            known = np.flatnonzero(run_keys[np.minimum(first, len(run_keys) - 1)] == ordered)
            first, having = first[known], asked[known]
            counts = np.searchsorted(run_keys, ordered[known], side="right") - first
            rows.append(np.repeat(having, counts))
            starts = np.repeat(first - np.cumsum(counts) + counts, counts)
            positions.append(run_positions[starts + np.arange(len(starts))].astype(np.int64))
        pairs = np.unique((np.concatenate(rows) << 32) | np.concatenate(positions))
        return pairs >> 32, pairs & _POSITION_MASK


def _sort(keys: Keys, positions: npt.NDArray[np.int32]) -> tuple[Keys, npt.NDArray[np.int32]]:
    order = np.argsort(keys, kind="stable")
    return keys[order], positions[order]


_NONE: Rows = np.empty(0, dtype=np.int64)
