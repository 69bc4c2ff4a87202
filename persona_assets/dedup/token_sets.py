"""Token sets as hashes in one array, so that the Jaccard similarity of many pairs is bounded at once."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]

_T = TypeVar("_T", bound=np.generic)

_HASH_MASK = 2**32 - 1
_TOKENS_AT_ONCE = 4_000_000


class TokenSets:
    """Sets of tokens in order: 4 bytes a token, and a sketch of 8 bytes a set, a bit a token.

    A token that only one of two sets has changes one bit of its sketch at most, so the bits in which two sketches
    differ are never more than the tokens in which the sets do.
    """

    def __init__(self) -> None:
        self._hashes = np.empty(1_024, dtype=np.uint32)
        self._ends = np.zeros(128, dtype=np.int64)
        self._sketches = np.zeros(128, dtype=np.uint64)
        self._n = 0
        self._longest = 0

    @classmethod
    def of(cls, sets: Sequence[frozenset[str]]) -> "TokenSets":
        """Make them of sets of strings, none of them empty."""
        made = cls()
        # Within one process alone, so the hash of strings serves.
        hashes = np.array([hash(token) & _HASH_MASK for tokens in sets for token in tokens], dtype=np.uint32)
        made._append(hashes, np.array([len(tokens) for tokens in sets], dtype=np.int64))
        return made

    def add(self, others: "TokenSets", rows: Rows) -> None:
        """Append some of other sets."""
        self._append(*others._take(rows))

    def _append(self, hashes: npt.NDArray[np.uint32], counts: Rows) -> None:
        start = self._end()
        self._hashes = grow(self._hashes, start + len(hashes))
        self._hashes[start : start + len(hashes)] = hashes
        self._ends = grow(self._ends, self._n + len(counts))
        self._ends[self._n : self._n + len(counts)] = start + np.cumsum(counts)
        self._sketches = grow(self._sketches, self._n + len(counts))
        self._sketches[self._n : self._n + len(counts)] = _sketch(hashes, counts)
        self._n += len(counts)
        self._longest = max(self._longest, int(counts.max(initial=0)))

    def bound_jaccard(
        self, rows: Rows, others: "TokenSets", places: Rows, least: float = 0.0
    ) -> npt.NDArray[np.float64]:
        """Compute for pairs of sets what their Jaccard similarity is at most.

        The similarity itself, or more where the hashes of two tokens collide, or where sizes or sketches rule out
        `least`: such sets are not compared.
        """
        mine, theirs = self.count(rows), others.count(places)
        differing = np.bitwise_count(self._sketches[rows] ^ others._sketches[places])
        differing = np.maximum(differing, np.abs(mine - theirs))
        bounds: npt.NDArray[np.float64] = (mine + theirs - differing) / np.maximum(1, mine + theirs + differing)
        compared = np.flatnonzero(bounds >= least)
        bounds[compared] = self._compare(rows[compared], others, places[compared])
        return bounds

    def _compare(self, rows: Rows, others: "TokenSets", places: Rows) -> npt.NDArray[np.float64]:
        bounds = np.empty(len(rows), dtype=np.float64)
        step = max(1, _TOKENS_AT_ONCE // (2 * (self._longest + others._longest) + 1))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            bounds[part] = _bound(*self._take(rows[part]), *others._take(places[part]))
        return bounds

    def count(self, rows: Rows) -> Rows:
        """Number of tokens of some sets."""
        starts = np.where(rows > 0, self._ends[rows - 1], 0)
        return self._ends[rows] - starts

    def _take(self, rows: Rows) -> tuple[npt.NDArray[np.uint32], Rows]:
        counts = self.count(rows)
        offsets = np.repeat(self._ends[rows] - np.cumsum(counts), counts)
        return self._hashes[offsets + np.arange(len(offsets))], counts

    def _end(self) -> int:
        return int(self._ends[self._n - 1]) if self._n else 0


def _bound(
    left: npt.NDArray[np.uint32], n_left: Rows, right: npt.NDArray[np.uint32], n_right: Rows
) -> npt.NDArray[np.float64]:
    pairs = np.arange(len(n_left), dtype=np.uint64) << np.uint64(32)
    tokens = np.concatenate([np.repeat(pairs, n_left) | left, np.repeat(pairs, n_right) | right])
    tokens.sort()
    twice = tokens[1:][tokens[1:] == tokens[:-1]] >> np.uint64(32)
    common = np.bincount(twice.astype(np.int64), minlength=len(n_left))
    bounds: npt.NDArray[np.float64] = common / np.maximum(1, n_left + n_right - common)
    return bounds


def _sketch(hashes: npt.NDArray[np.uint32], counts: Rows) -> npt.NDArray[np.uint64]:
    if not len(hashes):
        return np.zeros(len(counts), dtype=np.uint64)
    bits = np.uint64(1) << (hashes & np.uint32(63)).astype(np.uint64)
    return np.bitwise_or.reduceat(bits, np.cumsum(counts) - counts)


def grow(array: npt.NDArray[_T], size: int) -> npt.NDArray[_T]:
    """Make room in an array for so many rows, for twice as many as before at least, so that few calls copy it."""
    return array if size <= len(array) else np.resize(array, max(size, 2 * len(array)))
