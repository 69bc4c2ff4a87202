"""The lock of the index: one process decides at a time, and a dead one never holds it."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from persona_assets.errors import IndexUnavailableError


@contextmanager
def hold_lock(path: Path, timeout: float) -> Iterator[None]:
    """Hold a lock file while the body runs. The system releases it when the process ends, however it ends.

    Args:
        path: the lock file; its folder is made when missing.
        timeout: seconds to wait for another holder.

    Raises:
        IndexUnavailableError: if another one still holds it then, or the file cannot be made.
    """
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire(timeout=timeout)
    except Timeout:
        raise IndexUnavailableError(
            f"The index is in use by {_read_holder(path)} ({path}). Wait for it to end, or give it longer: "
            f"index.lock_timeout is {timeout:g} seconds."
        ) from None
    except OSError as error:
        raise IndexUnavailableError(
            f"The lock {path} cannot be taken ({error}). Correct the folder's rights."
        ) from None
    try:
        _write_holder(path)
        yield
    finally:
        lock.release()


def _holder_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.holder")


def _write_holder(path: Path) -> None:
    holder = {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat("T", "seconds"),
    }
    _holder_path(path).write_text(json.dumps(holder))


def _read_holder(path: Path) -> str:
    try:
        holder = json.loads(_holder_path(path).read_text())
        return f"process {holder['process']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"
