import asyncio
import os
import signal

import dagster as dg
import pytest

from persona_assets.assets.interrupts import run_interruptibly


def test_signal_cancels_all_tasks_and_lets_them_clean_up() -> None:
    cleaned: list[int] = []

    async def wait(number: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(number)

    async def gather() -> None:
        # From within: a signal that comes before anybody waits for it ends the tests.
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGINT)
        await asyncio.gather(*(wait(number) for number in range(3)))

    former = signal.getsignal(signal.SIGINT)
    with pytest.raises(dg.DagsterExecutionInterruptedError):
        run_interruptibly(gather())
    assert sorted(cleaned) == [0, 1, 2]
    assert signal.getsignal(signal.SIGINT) is former


def test_without_signal_it_runs_to_its_end_and_errors_pass_through() -> None:
    async def fail() -> None:
        raise ValueError("of its own")

    with pytest.raises(ValueError, match="of its own"):
        run_interruptibly(fail())
