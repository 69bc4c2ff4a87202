"""The kept vectors of a shard: exhaustive up to a number of rows, in cells above, and what cells miss is counted."""

import numpy as np
import pytest

from persona_assets.dedup.kept_vectors import KeptVectors

ROWS, THRESHOLD = 14_000, 0.9


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """Vectors of falling variance in clusters, a tenth of which lie near an earlier one."""
    drawing = np.random.default_rng(0)
    scale = 0.97 ** np.arange(96)
    centres = drawing.standard_normal((60, 96))
    rows = (centres[drawing.integers(0, 60, ROWS)] + drawing.standard_normal((ROWS, 96))) * scale
    near = drawing.integers(0, ROWS // 2, ROWS // 10)
    rows[-len(near) :] = rows[near] + drawing.normal(0, 0.3, (len(near), 96)) * scale
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def fill(vectors: np.ndarray, exact_rows: int | None) -> KeptVectors:
    kept = KeptVectors(THRESHOLD, exact_rows)
    for start in range(0, len(vectors), 1_000):
        part = vectors[start : start + 1_000]
        kept.add(part, [2 * number for number in range(start, start + len(part))])
    return kept


def find(kept: KeptVectors, vectors: np.ndarray) -> set[tuple[int, int]]:
    rows, positions, _ = kept.find_near(vectors)
    return set(zip(rows.tolist(), positions.tolist(), strict=True))


def test_all_pairs_are_found_up_to_the_number_of_rows(vectors: np.ndarray) -> None:
    kept = fill(vectors[:9_000], 9_000)
    assert kept.is_exhaustive
    products = vectors[:500].astype(np.float64) @ vectors[:9_000].T
    wanted = {(int(row), 2 * int(place)) for row, place in zip(*np.nonzero(products >= THRESHOLD), strict=True)}
    assert find(kept, vectors[:500]) == wanted


def test_above_it_cells_find_nearly_all_and_nothing_else(vectors: np.ndarray) -> None:
    exact, celled = fill(vectors, None), fill(vectors, 11_000)
    assert exact.is_exhaustive
    assert not celled.is_exhaustive
    wanted, found = find(exact, vectors[-3_000:]), find(celled, vectors[-3_000:])
    assert found <= wanted
    assert len(found) >= 0.99 * len(wanted)
    assert len(wanted) > 3_000


def test_vectors_are_given_back_as_they_were_added(vectors: np.ndarray) -> None:
    kept = fill(vectors, 11_000)
    assert np.array_equal(kept.take(8_000, 13_500), vectors[8_000:13_500])
    kept.let_go(9_000)
    assert np.array_equal(kept.take(9_000, 13_500), vectors[9_000:13_500])


def test_pairs_among_the_kept_are_found_again(vectors: np.ndarray) -> None:
    kept = fill(vectors, 11_000)
    later, earlier = kept.find_missed(np.arange(ROWS))
    wanted = set()
    for start in range(0, ROWS, 1_000):
        products = vectors[start : start + 1_000] @ vectors[: start + 1_000].T
        rows, places = np.nonzero(np.tril(products, k=start - 1) >= THRESHOLD)
        wanted |= set(zip((2 * (rows + start)).tolist(), (2 * places).tolist(), strict=True))
    assert set(zip(later.tolist(), earlier.tolist(), strict=True)) == wanted


def test_few_rows_are_never_put_in_cells(vectors: np.ndarray) -> None:
    assert fill(vectors[:3_000], 0).is_exhaustive
