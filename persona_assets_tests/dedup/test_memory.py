import ctypes
import subprocess
import sys

import pytest

HOLD_AND_FREE = """
from pathlib import Path
from persona_assets.dedup.memory import return_freed_memory

def measure():
    return int(Path("/proc/self/status").read_text().partition("RssAnon:")[2].split()[0]) // 1024

blocks = [bytearray(b"x" * 100_000) for _ in range(2_000)]
last = blocks[-1]
del blocks
before = measure()
return_freed_memory()
print(before - measure())
"""


def test_what_was_freed_below_what_is_held_goes_back() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("not glibc")
    done = subprocess.run([sys.executable, "-c", HOLD_AND_FREE], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 150
