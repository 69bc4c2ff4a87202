"""Candidates for a high Jaccard similarity: MinHash signatures cut into bands (Broder 1997; Leskovec et al., ch. 3).

Two texts are candidates if they agree in a whole band. Candidates are verified exactly, so the bands decide
about recall alone. They are chosen for it: datasketch's own choice for a threshold of 0.9 (5 bands of 25) finds
31% of the pairs at exactly 0.9, 16 bands of 8 find 99.99%.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt

N_PERMUTATIONS: Final = 128
SEED: Final = 1
MIN_RECALL: Final = 0.999
"""Share of the pairs at exactly the threshold that must become candidates."""

Bands = npt.NDArray[np.uint32]

_BATCH = 2_000
_MAX_TOKENS = 100_000
"""Tokens whose hash values are remembered: 50 MB."""
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MIXER = np.uint64(0xFF51AFD7ED558CCD)


def choose_band_rows(threshold: float) -> int:
    """Choose how many of the 128 hash values make a band.

    The most of 8, 4, 2 and 1 whose recall at the threshold is at least `MIN_RECALL`: the more rows, the fewer false
    candidates. Below a threshold of 0.06 no number of rows has that recall: 1.
    """
    return next((rows for rows in (8, 4, 2, 1) if estimate_recall(threshold, rows) >= MIN_RECALL), 1)


def estimate_recall(similarity: float, band_rows: int) -> float:
    """Compute the probability that two texts of a given Jaccard similarity share a band."""
    bands = N_PERMUTATIONS // band_rows
    return float(1 - (1 - similarity**band_rows) ** bands)


def hash_bands(token_sets: Sequence[frozenset[str]], band_rows: int) -> Bands:
    """Compute the band hashes of token sets: a row a text, a column a band.

    The band's number is in the upper bits, so that hashes of different bands never meet and a row can serve as the
    indices of a sparse vector. `band_rows`: hash values a band, a divisor of 128, from `choose_band_rows`.
    """
    batches = [token_sets[start : start + _BATCH] for start in range(0, len(token_sets), _BATCH)]
    none = np.empty((0, N_PERMUTATIONS // band_rows), dtype=np.uint32)
    return np.concatenate([none, *(_fold_bands(_TABLE.sign(batch), band_rows) for batch in batches)])


class _TokenTable:
    """The hash values of single tokens; a set's signature is their minimum, value by value (Broder 1997)."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._values = np.empty((0, N_PERMUTATIONS), dtype=np.uint32)
        self._guard = Lock()

    def sign(self, token_sets: Sequence[frozenset[str]]) -> npt.NDArray[np.uint64]:
        """Compute the signatures of token sets, none of them empty."""
        with self._guard:
            self._learn({token for tokens in token_sets for token in tokens})
            rows = np.array([self._rows[token] for tokens in token_sets for token in tokens], dtype=np.int64)
            starts = np.cumsum([0, *(len(tokens) for tokens in token_sets[:-1])])
            return np.minimum.reduceat(self._values[rows], starts, axis=0).astype(np.uint64)

    def _learn(self, tokens: set[str]) -> None:
        from datasketch import MinHash

        new = tokens - self._rows.keys()
        if len(self._rows) + len(new) > _MAX_TOKENS:
            self._rows, self._values, new = {}, self._values[:0], tokens
        ordered = sorted(new)
        encoded = [[token.encode("utf-8", "surrogatepass")] for token in ordered]
        hashes = [one.hashvalues for one in MinHash.bulk(encoded, num_perm=N_PERMUTATIONS, seed=SEED)]
        fresh = np.array(hashes, dtype=np.uint32).reshape(-1, N_PERMUTATIONS)
        self._rows |= {token: len(self._rows) + number for number, token in enumerate(ordered)}
        self._values = np.concatenate([self._values, fresh])


_TABLE = _TokenTable()


def _fold_bands(signatures: npt.NDArray[np.uint64], band_rows: int) -> Bands:
    n_bands = N_PERMUTATIONS // band_rows
    values = signatures.reshape(len(signatures), n_bands, band_rows)
    folded = np.zeros(values.shape[:2], dtype=np.uint64)
    with np.errstate(over="ignore"):
        for row in range(band_rows):
            folded = (folded ^ values[:, :, row]) * _MULTIPLIER
            folded ^= folded >> np.uint64(32)
        folded = (folded * _MIXER) >> np.uint64(32)
    band_bits = max(1, (n_bands - 1).bit_length())
    hash_bits = np.uint64(32 - band_bits)
    numbers = np.arange(n_bands, dtype=np.uint64) << hash_bits
    return (numbers | (folded & ((np.uint64(1) << hash_bits) - np.uint64(1)))).astype(np.uint32)
