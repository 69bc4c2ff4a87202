"""Threads of our own in place of those of BLAS.

The products that a search needs are small. Two threads of BLAS that share one wait for each other, and for whatever
else runs beside them, as long as they multiply; a search that is split by rows needs no such waiting.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_PARTS: Final = 4
"""Parts of the work for each thread: the next one is taken when one is done, so that none is waited for long."""


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Have each product of matrices be computed by the thread that asks for it, in the body."""
    with _find_blas().limit(limits=1):
        yield


def map_in_threads(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Apply a function that releases the interpreter's lock, on all cores; the results come in any order."""
    threads = count_cores()
    if threads == 1 or len(items) == 1:
        return [function(item) for item in items]
    parts = [items[start :: threads * _PARTS] for start in range(min(len(items), threads * _PARTS))]
    done = _open_pool(threads).map(lambda part: [function(item) for item in part], parts)
    return [result for results in done for result in results]


def count_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _open_pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="search")


@cache
def _find_blas() -> Any:
    from threadpoolctl import ThreadpoolController

    # NumPy's kind: an embedding model that runs beside has another, and keeps its threads.
    return ThreadpoolController().select(internal_api="openblas")
