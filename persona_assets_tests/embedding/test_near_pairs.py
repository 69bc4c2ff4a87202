import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.embedding.near_pairs import MARGIN, NearPairs


def draw_vectors(seed, rows, dimension, decay):
    """Vectors of falling variance, a third of which lie near another one."""
    drawing = np.random.default_rng(seed)
    vectors = drawing.standard_normal((rows, dimension)) * decay ** np.arange(dimension)
    near = drawing.integers(0, rows, rows // 3)
    vectors[: len(near)] = vectors[near] + drawing.normal(0, 0.1, (len(near), dimension)) * decay ** np.arange(
        dimension
    )
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def find_pairs(pairs, vectors, others):
    rows, places = pairs.find_candidates(pairs.shorten(vectors), pairs.shorten(others))
    is_near = pairs.mark_near(vectors, rows, others, places)
    return set(zip(rows[is_near].tolist(), places[is_near].tolist(), strict=True))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 9), st.sampled_from([3, 31, 40, 200]), st.sampled_from([0.9, 0.97, 1.0]), st.sampled_from([0.5, 0.9])
)
def test_no_pair_is_lost_by_shortening(seed, dimension, decay, least):
    vectors = draw_vectors(seed, 700, dimension, decay)
    pairs = NearPairs(least)
    pairs.fit(vectors[:300])
    products = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    found = find_pairs(pairs, vectors, vectors)
    assert set(zip(*(rows.tolist() for rows in np.nonzero(products >= least + 1e-6)), strict=True)) <= found
    assert all(products[pair] >= least - 1e-6 for pair in found)


def test_vectors_of_falling_variance_are_shortened_and_others_are_not():
    falling, even = NearPairs(0.9), NearPairs(0.5)
    falling.fit(draw_vectors(0, 2_000, 384, 0.97))
    assert falling.shorten(draw_vectors(1, 5, 384, 0.97)).shape[1] <= 192
    even.fit(draw_vectors(0, 2_000, 384, 1.0))
    assert even.shorten(draw_vectors(1, 5, 384, 1.0)).shape == (5, 384)


@pytest.mark.parametrize("sizes", [(1_500, 9_000), (0, 5), (5, 0)])
def test_pairs_come_from_every_block(sizes):
    vectors, others = draw_vectors(3, sizes[0], 48, 0.9), draw_vectors(3, sizes[1], 48, 0.9)
    others[: sizes[0] : 3] = vectors[: sizes[1] : 3]
    pairs = NearPairs(0.95 - MARGIN)
    found = find_pairs(pairs, vectors, others)
    products = vectors @ others.T if min(sizes) else np.empty((0, 0))
    assert found == set(zip(*(rows.tolist() for rows in np.nonzero(products >= 0.95 - MARGIN)), strict=True))
    assert len(found) > 10 or min(sizes) == 0
