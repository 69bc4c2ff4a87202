"""What every tool is given to do, and how it is measured; imports nothing that is not in Python."""

import json
import resource
import sys
import time
from collections.abc import Callable

FILLER = "Describe a person who would read the following text, in one sentence and with particulars. " * 3


def make_text(number: int) -> str:
    """The prompt of one call."""
    return f"{FILLER} Text {number}."


def measure(prepare: Callable[[str, int, int], Callable[[], int]]) -> None:
    """Run a job given as URL SLOTS CALLS on the command line and print its figures as JSON.

    Args:
        prepare: makes ready, which is not measured, and returns what does the job and counts the answers.
    """
    url, slots, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    work = prepare(url, slots, calls)
    wall, processor = time.perf_counter(), _count_processor()
    answers = work()
    figures = {
        "calls": answers,
        "seconds": time.perf_counter() - wall,
        "processor": _count_processor() - processor,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print("\n" + json.dumps(figures), flush=True)


def _count_processor() -> float:
    # With the processes that a tool starts, as far as they have ended.
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
