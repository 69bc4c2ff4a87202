"""Runs a program that a model wrote: in an interpreter of its own that knows no files, no network and few modules.

The interpreter is Monty (`pydantic-monty`), a subset of Python in worker processes with limits of time and memory.
"""

from functools import cache
from typing import Any

from persona_assets.settings import SandboxSettings

_LONGEST_OUTPUT = 2_000
_GRACE_SECONDS = 5.0


class ProgramError(Exception):
    """The program failed, or wanted what it may not have; the message says what."""


def run_program(code: str, settings: SandboxSettings) -> str:
    """Run a program and return what it printed.

    Args:
        code: Python, untrusted.
        settings: `[sandbox]`.

    Raises:
        ProgramError: if it does not run to its end within the limits, or prints too much.
    """
    import pydantic_monty as monty

    limits = monty.ResourceLimits(
        max_feed_duration_secs=settings.max_seconds, max_memory=settings.max_memory_mb * 1_000_000
    )
    printed: list[str] = []

    def collect(_stream: str, text: str) -> None:
        printed.append(text)
        if sum(map(len, printed)) > _LONGEST_OUTPUT:
            raise ProgramError(f"it prints more than {_LONGEST_OUTPUT} characters")

    try:
        with _open_pool(settings.max_seconds + _GRACE_SECONDS).checkout(limits=limits) as session:
            session.feed_run(code, print_callback=collect)
    except monty.MontyError as error:
        raise ProgramError(" ".join(str(error).split())[:300]) from None
    return "".join(printed).strip()


@cache
def _open_pool(seconds: float) -> Any:
    import pydantic_monty as monty

    return monty.Monty(max_processes=2, request_timeout=seconds).__enter__()
