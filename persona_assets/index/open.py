"""Opening the configured index."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from persona_assets.index.edge import EdgeStore
from persona_assets.index.interface import IndexSpec
from persona_assets.index.lock import hold_lock
from persona_assets.index.qdrant import QdrantIndex, Store
from persona_assets.index.server import ServerStore, connect, drop_collection
from persona_assets.settings import Settings

if TYPE_CHECKING:
    from qdrant_client import QdrantClient


@contextmanager
def open_index(settings: Settings, spec: IndexSpec, *, anew: bool = False) -> Iterator[QdrantIndex]:
    """Open the index for one decision, alone: other processes wait.

    Args:
        settings: of the project; the section `index` chooses Edge or a server.
        spec: what the index must hold.
        anew: whether what is there is deleted first, whatever it holds.

    Yields:
        The index, closed when the body ends.

    Raises:
        IndexUnavailableError: if another process keeps it, the server is down, or it holds something else.
    """
    with _hold(settings):
        if anew:
            _drop(settings)
        index = QdrantIndex(_open_store(settings, spec), settings.hub.exact_rows)
        try:
            yield index
        finally:
            index.close()


def _hold(settings: Settings) -> AbstractContextManager[None]:
    lock = settings.data / "index" / f"{settings.index.collection}.lock"
    return hold_lock(lock, settings.index.lock_timeout)


def _drop(settings: Settings) -> None:
    url, collection = settings.index.url, settings.index.collection
    if url is None:
        shutil.rmtree(settings.data / "index" / collection, ignore_errors=True)
    else:
        drop_collection(_connect(settings, url), url, collection)


def _connect(settings: Settings, url: str) -> "QdrantClient":
    key = settings.index.api_key
    return connect(url, key.get_secret_value() if key else None)


def _open_store(settings: Settings, spec: IndexSpec) -> Store:
    url, collection = settings.index.url, settings.index.collection
    if url is None:
        return EdgeStore(settings.data / "index" / collection, spec)
    return ServerStore(_connect(settings, url), url, collection, spec, settings.index.quantization)
