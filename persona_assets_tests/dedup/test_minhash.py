import random

import numpy as np
import pytest

from persona_assets.dedup.minhash import N_PERMUTATIONS, choose_band_rows, estimate_recall, hash_bands
from persona_assets.dedup.text import jaccard


def draw_pairs(n, shared, alone):
    """Pairs of token sets of which `shared` tokens are in both and `alone` only in one."""
    draw = random.Random(0)
    for _ in range(n):
        tokens = [f"{draw.getrandbits(48):x}" for _ in range(shared + alone)]
        yield frozenset(tokens), frozenset(tokens[:shared])


@pytest.mark.parametrize("number", [4_000, pytest.param(10_000, marks=pytest.mark.long)])
def test_recall_at_exactly_the_threshold(number):
    pairs = list(draw_pairs(number, shared=18, alone=2))
    assert {jaccard(*pair) for pair in pairs} == {0.9}
    left = hash_bands([pair[0] for pair in pairs], choose_band_rows(0.9))
    right = hash_bands([pair[1] for pair in pairs], choose_band_rows(0.9))
    assert (left == right).any(axis=1).mean() >= 0.999


@pytest.mark.parametrize(("threshold", "rows"), [(1.0, 8), (0.9, 8), (0.8, 4), (0.5, 2), (0.1, 1)])
def test_bands_are_chosen_for_recall(threshold, rows):
    assert choose_band_rows(threshold) == rows
    assert estimate_recall(threshold, rows) >= 0.999


def test_the_design_of_sixteen_bands_of_eight():
    assert estimate_recall(0.9, 8) == pytest.approx(0.9999, abs=5e-5)
    assert pytest.approx(0.31, abs=0.005) == 1 - (1 - 0.9**25) ** 5


@pytest.mark.parametrize("rows", [8, 4, 2, 1])
def test_hashes_of_a_row_are_all_different_so_they_index_a_sparse_vector(rows):
    bands = hash_bands([frozenset({word}) for word in "abcdefgh"] + [frozenset({"a", "b"})], rows)
    assert bands.shape == (9, N_PERMUTATIONS // rows)
    assert all(len(set(row)) == len(row) for row in bands.tolist())


def test_equal_sets_have_equal_bands_in_any_batch():
    sets = [frozenset({f"w{number}", "x"}) for number in range(2_100)]
    bands = hash_bands(sets, 8)
    assert np.array_equal(bands[2_050:2_060], hash_bands(sets[2_050:2_060], 8))
    assert hash_bands([], 8).shape == (0, 16)


def test_the_hashes_are_those_that_stored_indexes_hold():
    assert hash_bands([frozenset({"a", "retired", "miner"})], 8)[0, :2].tolist() == STORED


STORED = [5167620, 344294494]
