"""The event loop that models are asked in: as fast as there is one."""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_COLLECT_AFTER = 50_000
"""Objects made before garbage is looked for. Each call makes hundreds, which go by themselves, and a look at them all
passes by the hundred thousands that libraries hold."""


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine as `asyncio.run` does, on uvloop where that is installed (not on Windows)."""
    with _collect_less(), asyncio.Runner(loop_factory=_find_factory()) as runner:
        return runner.run(main)


def _find_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


@contextmanager
def _collect_less() -> Iterator[None]:
    first, *others = gc.get_threshold()
    gc.set_threshold(max(first, _COLLECT_AFTER), *others)
    try:
        yield
    finally:
        gc.set_threshold(first, *others)
