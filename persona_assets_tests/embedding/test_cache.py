import multiprocessing

import numpy as np
import pytest

from persona_assets.embedding.cache import CachedEncoder
from persona_assets.errors import IndexUnavailableError


class CountingEncoder:
    identity = "counting@1"

    def __init__(self):
        self.asked = []

    @property
    def dimension(self):
        self.asked.append("dimension")
        return 3

    def encode(self, texts, *, alone=False):
        self.asked.extend(texts)
        raw = np.array([[len(text), text.count("a"), 1.0] for text in texts], dtype=np.float32).reshape(-1, 3)
        return raw / np.linalg.norm(raw, axis=1, keepdims=True)

    def readable(self, texts):
        return np.ones(len(texts), dtype=np.bool_)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "index" / "vectors.sqlite"


def test_no_text_is_embedded_twice_and_vectors_come_back_in_order(path):
    texts = ["a", "bb", "a", "ccc", "bb"]
    vectors = CachedEncoder(CountingEncoder(), path).encode(texts)
    assert np.array_equal(vectors, CountingEncoder().encode(texts))
    second = CountingEncoder()
    again = CachedEncoder(second, path).encode(["ccc", "new", "a"])
    assert second.asked == ["new"]
    assert np.array_equal(again[[0, 2]], vectors[[3, 0]])


def test_a_run_without_news_asks_the_model_nothing(path):
    CachedEncoder(CountingEncoder(), path).encode(["a", "bb"])
    idle = CountingEncoder()
    cached = CachedEncoder(idle, path)
    assert (cached.dimension, cached.encode(["bb", "a"]).shape, cached.encode([]).shape) == (3, (2, 3), (0, 3))
    assert idle.asked == []


def test_vectors_of_another_model_are_never_mixed(path):
    CachedEncoder(CountingEncoder(), path).encode(["a"])
    other = CountingEncoder()
    other.identity = "counting@2"
    CachedEncoder(other, path).encode(["a"])
    assert "a" in other.asked


def test_what_was_computed_before_a_failure_stays(path):
    class FailingEncoder(CountingEncoder):
        def encode(self, texts, *, alone=False):
            if "t1700" in texts:
                raise RuntimeError("out of memory")
            return super().encode(texts)

    texts = [f"t{number}" for number in range(2_000)]
    with pytest.raises(RuntimeError):
        CachedEncoder(FailingEncoder(), path).encode(texts)
    second = CountingEncoder()
    CachedEncoder(second, path).encode(texts)
    assert len(second.asked) == 1_000


def encode_many(path, first):
    CachedEncoder(CountingEncoder(), path).encode([f"t{number}" for number in range(first, first + 1_500)])


def test_several_processes_share_the_file(path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=encode_many, args=(path, first)) for first in (0, 700, 1_400)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    idle = CountingEncoder()
    CachedEncoder(idle, path).encode([f"t{number}" for number in range(2_900)])
    assert idle.asked == []


def test_a_damaged_file_is_named_with_what_to_do(path):
    path.parent.mkdir()
    path.write_bytes(b"no database" * 100)
    with pytest.raises(IndexUnavailableError, match=r"vectors\.sqlite cannot be used .* can be deleted"):
        CachedEncoder(CountingEncoder(), path).encode(["a"])
