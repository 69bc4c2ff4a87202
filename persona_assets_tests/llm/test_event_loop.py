"""The loop that models are asked in."""

import asyncio
import gc
import sys

import pytest

from persona_assets.llm.event_loop import run_loop


async def name_loop() -> str:
    await asyncio.sleep(0)
    return type(asyncio.get_running_loop()).__module__


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop for Windows")
def test_it_is_the_fast_one() -> None:
    assert run_loop(name_loop()) == "uvloop"


def test_without_the_fast_one_it_is_asyncio_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert run_loop(name_loop()).startswith("asyncio")


def test_garbage_is_looked_for_as_before_when_it_ends() -> None:
    async def fail() -> None:
        assert gc.get_threshold()[0] >= 50_000
        raise ValueError("no")

    before = gc.get_threshold()
    with pytest.raises(ValueError, match="no"):
        run_loop(fail())
    assert gc.get_threshold() == before
