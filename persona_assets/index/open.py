"""Opening the configured index."""

from collections.abc import Iterator
from contextlib import contextmanager

from persona_assets.index.edge import EdgeStore
from persona_assets.index.interface import IndexSpec
from persona_assets.index.lock import hold_lock
from persona_assets.index.qdrant import QdrantIndex, Store
from persona_assets.index.server import ServerStore, connect
from persona_assets.settings import Settings


@contextmanager
def open_index(settings: Settings, spec: IndexSpec) -> Iterator[QdrantIndex]:
    """Open the index for one decision, alone: other processes wait.

    Args:
        settings: of the project; the section `index` chooses Edge or a server.
        spec: what the index must hold.

    Yields:
        The index, closed when the body ends.

    Raises:
        IndexUnavailableError: if another process keeps it, the server is down, or it holds something else.
    """
    folder = settings.data / "index"
    with hold_lock(folder / f"{settings.index.collection}.lock", settings.index.lock_timeout):
        index = QdrantIndex(_open_store(settings, spec), settings.hub.exact_rows)
        try:
            yield index
        finally:
            index.close()


def _open_store(settings: Settings, spec: IndexSpec) -> Store:
    url, collection = settings.index.url, settings.index.collection
    if url is None:
        return EdgeStore(settings.data / "index" / collection, spec)
    key = settings.index.api_key
    return ServerStore(connect(url, key.get_secret_value() if key else None), url, collection, spec)
