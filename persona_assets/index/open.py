"""Opening the configured index, for one process at a time: a dead one never holds its lock."""

import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from persona_assets.errors import IndexUnavailableError
from persona_assets.index.interface import IndexSpec
from persona_assets.index.qdrant import PersonaIndex
from persona_assets.settings import Settings


@contextmanager
def open_index(settings: Settings, spec: IndexSpec, *, anew: bool = False) -> Iterator[PersonaIndex]:
    """Open the index for one decision, alone: other processes wait.

    Args:
        anew: whether what is there is deleted first, whatever it holds.

    Raises:
        IndexUnavailableError: if another process keeps it, the server is down, or it holds something else.
    """
    folder, url, collection = settings.data / "index", settings.index.url, settings.index.collection
    with hold_lock(folder / f"{collection}.lock", settings.index.lock_timeout):
        # Only the library of the index that is opened is imported.
        index: PersonaIndex
        if url is None:
            from persona_assets.index.edge import EdgeIndex

            if anew:
                shutil.rmtree(folder / collection, ignore_errors=True)
            index = EdgeIndex(folder / collection, spec, settings.hub.exact_rows)
        else:
            from persona_assets.index.server import ServerIndex, connect, drop_collection

            secret = settings.index.api_key
            key = secret.get_secret_value() if secret else None
            if anew:
                drop_collection(connect(url, key), url, collection)
            client, quantization = connect(url, key), settings.index.quantization
            index = ServerIndex(client, url, collection, spec, settings.hub.exact_rows, quantization)
        try:
            yield index
        finally:
            index.close()


@contextmanager
def hold_lock(path: Path, timeout: float) -> Iterator[None]:
    """Hold a lock file while the body runs. The system releases it when the process ends, however it ends.

    Args:
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
    since = datetime.now(UTC).isoformat("T", "seconds")
    holder = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
    _holder_path(path).write_text(json.dumps(holder))


def _read_holder(path: Path) -> str:
    try:
        holder = json.loads(_holder_path(path).read_text())
        return f"process {holder['process']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"
