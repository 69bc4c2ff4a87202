import os
from uuid import uuid4

import numpy as np
import pytest

from persona_assets.index.edge import EdgeIndex
from persona_assets.index.interface import IndexSpec, Point, name_contribution
from persona_assets.index.server import ServerIndex, connect

SPEC = IndexSpec("given@1", 4, "tokens-1 bands-16x8")


def open_kind(kind, folder, spec, name, exact_rows):
    """Open an index of either implementation; opened again, it is the same one."""
    if kind == "edge":
        return EdgeIndex(folder, spec, exact_rows)
    if kind == "local":
        from qdrant_client import QdrantClient

        return ServerIndex(QdrantClient(path=str(folder)), "a local folder", name, spec, exact_rows)
    client = connect(os.environ["QDRANT_URL"], os.environ.get("QDRANT_API_KEY"))
    return ServerIndex(client, "QDRANT_URL", name, spec, exact_rows)


@pytest.fixture(params=["edge", "local", "server"])
def reopen(request, tmp_path):
    """A function that opens the index, closing it first where it is open."""
    if request.param == "server" and "QDRANT_URL" not in os.environ:
        pytest.skip("QDRANT_URL is not set: no Qdrant server to test on")
    name, opened = f"test_{uuid4().hex}", []

    def open_again(spec=SPEC, exact_rows=1_000_000):
        while opened:
            opened.pop().close()
        opened.append(open_kind(request.param, tmp_path / "index", spec, name, exact_rows))
        return opened[-1]

    yield open_again
    while opened:
        opened.pop().close()
    if request.param == "server":
        connect(os.environ["QDRANT_URL"], os.environ.get("QDRANT_API_KEY")).delete_collection(name)


def make_point(number, shard="s1", generation="g1", bands=(1,), vector=(1.0, 0.0, 0.0, 0.0), order=1):
    normalised = None if vector is None else (np.array(vector) / np.linalg.norm(vector)).astype(np.float32).tolist()
    return Point(
        f"p{number}", f"persona {number}", name_contribution(shard, generation), order, number, list(bands), normalised
    )
