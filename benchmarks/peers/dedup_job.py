"""The job of deduplication: texts from a file, the numbers of the kept ones to another, and what it took."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

Deduplicate = Callable[[Sequence[str]], Sequence[int]]


def measure(prepare: Callable[[str], Deduplicate]) -> None:
    """Run a job given as TEXTS KEPT MODEL on the command line and print its figures as JSON.

    Args:
        prepare: loads the model named, which is not measured, and returns what deduplicates.
    """
    texts = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    work = prepare(sys.argv[3])
    wall = time.perf_counter()
    kept = [int(row) for row in work(texts)]
    seconds = time.perf_counter() - wall
    Path(sys.argv[2]).write_text(json.dumps(kept))
    print("\n" + json.dumps({"seconds": seconds, "peak": _read_peak()}), flush=True)


def _read_peak() -> float:
    # In MB. Not ru_maxrss: that begins with what the process that started this one had.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
