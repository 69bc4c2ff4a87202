"""Stopping a run that waits for a model."""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any

import dagster as dg

from persona_assets.llm.event_loop import run_loop

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_interruptibly(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine; a signal cancels it, so that it cleans up at once.

    Dagster raises its interruption wherever the interpreter is. Inside a callback of the event loop, or in one
    of many tasks, that would be taken for the failure of this one alone, and the others would go on.

    Raises:
        DagsterExecutionInterruptedError: when a signal came.
    """
    try:
        run_loop(_cancel_on_signal(main))
    except asyncio.CancelledError:
        raise dg.DagsterExecutionInterruptedError from None


async def _cancel_on_signal(main: Coroutine[Any, Any, None]) -> None:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is None or threading.current_thread() is not threading.main_thread():
        await main
        return
    # A handler that only asks the loop to act cannot raise in the middle of a callback.
    former = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(task.cancel))
    try:
        await main
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
