import multiprocessing
import socket
import time
from contextlib import closing

import pytest

from persona_assets.errors import IndexUnavailableError
from persona_assets.index import server
from persona_assets.index.interface import IndexSpec
from persona_assets.index.open import hold_lock, open_index
from persona_assets.settings import load_settings
from persona_assets_tests.index.conftest import SPEC, make_point


def settings_for(folder, **index):
    return load_settings(paths={"data": folder}, index={"lock_timeout": 0.2, **index})


def hold(path, ready):
    with hold_lock(path, 1):
        ready.set()
        time.sleep(60)


def test_a_second_opener_waits_and_then_names_the_holder(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    lock = tmp_path / "index" / "persona_hub.lock"
    holder = context.Process(target=hold, args=(lock, ready))
    holder.start()
    try:
        assert ready.wait(30)
        with (
            pytest.raises(IndexUnavailableError, match=rf"process {holder.pid} on .*index\.lock_timeout is 0\.2"),
            open_index(settings_for(tmp_path), SPEC),
        ):
            pass
        holder.kill()
        holder.join(10)
        with open_index(settings_for(tmp_path), SPEC) as index:
            assert index.count("s1/g1") == 0
    finally:
        holder.kill()


def test_an_index_whose_making_was_cut_short_is_made_anew(tmp_path):
    with open_index(settings_for(tmp_path), SPEC) as index:
        index.upsert([make_point(1)])
    (tmp_path / "index" / "persona_hub" / "spec.json").unlink()
    with open_index(settings_for(tmp_path), SPEC) as index:
        assert index.count("s1/g1") == 0


def test_a_damaged_index_says_how_to_begin_anew(tmp_path):
    with open_index(settings_for(tmp_path), SPEC):
        pass
    (tmp_path / "index" / "persona_hub" / "shard" / "edge_config.json").write_text("{")
    with (
        pytest.raises(IndexUnavailableError, match=r"persona_hub.*hub rebuild` builds it anew"),
        open_index(settings_for(tmp_path), SPEC),
    ):
        pass


def test_a_server_that_is_down_is_named_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "_WAITS", (0.01, 0.02, 0.03))
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with (
        pytest.raises(IndexUnavailableError, match=rf"index\.url: no Qdrant server answers at {url}.*unset"),
        open_index(settings_for(tmp_path, url=url), IndexSpec("m", 4, "x")),
    ):
        pass


def test_a_url_that_is_none_is_named(tmp_path):
    with (
        pytest.raises(IndexUnavailableError, match=r"index\.url"),
        open_index(settings_for(tmp_path, url="http://127.0.0.1:99999"), SPEC),
    ):
        pass


def test_a_collection_that_somebody_else_made_is_never_deleted(tmp_path):
    from qdrant_client import QdrantClient
    from qdrant_client.models import Distance, VectorParams

    from persona_assets.index.server import ServerIndex, drop_collection

    def connect():
        return QdrantClient(path=str(tmp_path / "server"))

    client = connect()
    client.create_collection("theirs", vectors_config=VectorParams(size=4, distance=Distance.DOT))
    client.close()
    with pytest.raises(IndexUnavailableError, match="was not made by persona_assets"):
        drop_collection(connect(), "a local folder", "theirs")
    ServerIndex(connect(), "a local folder", "ours", SPEC, 1_000).close()
    drop_collection(connect(), "a local folder", "ours")
    drop_collection(connect(), "a local folder", "never there")
    client = connect()
    assert [one.name for one in client.get_collections().collections] == ["theirs"]
    client.close()
