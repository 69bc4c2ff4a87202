"""Cells: every vector lies in one, and is searched in those nearest to it."""

import numpy as np

from persona_assets.embedding.cells import CELLS, READ, Cells


def draw_vectors(seed: int, rows: int) -> np.ndarray:
    drawing = np.random.default_rng(seed)
    vectors = drawing.standard_normal((rows, 32)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_every_vector_lies_in_one_cell_in_the_order_in_which_it_came() -> None:
    vectors = draw_vectors(0, 6_000)
    cells = Cells(vectors[:3_000])
    for start in range(0, 6_000, 1_000):
        numbers = np.arange(start, start + 1_000)
        cells.add(vectors[numbers], vectors[numbers, :8], numbers)
    seen = []
    for _, short, numbers in cells.iter_read(draw_vectors(1, 4_000)):
        assert np.array_equal(short, vectors[numbers, :8])
        assert np.all(np.diff(numbers) > 0)
        seen += numbers.tolist()
    assert sorted(seen) == list(range(6_000))


def test_each_vector_reads_the_cells_nearest_to_it_and_its_own_among_them() -> None:
    vectors = draw_vectors(2, 5_000)
    cells = Cells(vectors)
    cells.add(vectors, vectors, np.arange(5_000))
    read, met = np.zeros(200, dtype=np.int64), np.zeros(200, dtype=np.bool_)
    for rows, _, numbers in cells.iter_read(vectors[:200]):
        read[rows] += 1
        met[rows[np.isin(rows, numbers)]] = True
    assert met.all()
    assert read.max() <= READ
    assert read.min() >= READ - CELLS // 10
