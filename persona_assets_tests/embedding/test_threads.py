import threading

import numpy as np
import pytest

from persona_assets.embedding import threads
from persona_assets.embedding.threads import map_in_threads, one_blas_thread


@pytest.mark.parametrize("cores", [1, 3])
@pytest.mark.parametrize("items", [0, 1, 2, 100])
def test_every_item_is_done_once(cores: int, items: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "count_cores", lambda: cores)
    assert sorted(map_in_threads(lambda item: 2 * item, range(items))) == [2 * item for item in range(items)]


def test_an_error_reaches_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "count_cores", lambda: 2)
    with pytest.raises(ZeroDivisionError):
        map_in_threads(lambda item: 1 // item, [1, 0, 1])


def test_several_threads_are_at_work_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "count_cores", lambda: 2)
    meeting = threading.Barrier(2, timeout=30)
    assert len(map_in_threads(lambda _: meeting.wait(), range(2))) == 2


def test_products_are_computed_by_one_thread_within_the_body_alone() -> None:
    from threadpoolctl import ThreadpoolController

    np.ones((2, 2)) @ np.ones((2, 2))

    def count_threads() -> list[int]:
        # SciPy brings another one, which may be loaded later.
        libraries = ThreadpoolController().select(internal_api="openblas").info()
        return [one["num_threads"] for one in libraries if "numpy" in one["filepath"]]

    before = count_threads()
    assert before
    with one_blas_thread():
        assert set(count_threads()) == {1}
    assert count_threads() == before
