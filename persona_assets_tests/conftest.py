"""What every test has: the scripted model, known to litellm as soon as somebody loads it, and what workers share."""

import gc
import shutil
import sqlite3
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy.engine import Engine
from sqlalchemy.pool import NullPool

from persona_assets.embedding.encoder import Encoder
from persona_assets.llm.cost_bound import forget_lengths
from persona_assets.llm.dialect import find_dialect
from persona_assets.llm.provider import load_litellm
from persona_assets.settings import EmbeddingSettings
from persona_assets_tests.scripted import install_scripted_provider


@pytest.fixture(scope="session", autouse=True)
def _scripted_model() -> None:
    install_scripted_provider()


@pytest.fixture(autouse=True)
def _nothing_learned() -> None:
    """What a process has learned of models is forgotten before each test."""
    find_dialect.cache_clear()
    forget_lengths()


def _keep_engines() -> None:
    """Have an engine without connections of its own made once an address.

    Dagster makes one for each query, which then compiles its SQL anew: a quarter of the time of a run.
    """
    make = sa.create_engine

    @lru_cache(maxsize=64)
    def keep(url: str, seconds: float) -> Engine:
        return make(url, poolclass=NullPool, connect_args={"timeout": seconds})

    def find(url: str, **options: Any) -> Engine:
        match options:
            case {"poolclass": pool, "connect_args": {"timeout": seconds}} if pool is NullPool:
                return keep(url, seconds)
        return make(url, **options)

    sa.create_engine = find  # type: ignore[assignment]


# Before Dagster is imported, which takes the function over.
_keep_engines()


@sa.event.listens_for(Engine, "connect")
def _write_without_waiting(connection: object, _: object) -> None:
    # No test outlives the power: waiting for the disk is half the time of Dagster's event log.
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


# The first two make what many others start from: each is begun by one worker, while nobody waits for it. The third
# takes long, and would leave one worker alone with it at the end.
_FIRST = tuple(f"persona_assets_tests/{name}.py" for name in ("commands/test_run", "graph/test_chain", "test_storage"))

Share = Callable[[str, Callable[[Path], None]], Path]


def pytest_collection_finish() -> None:
    # A full collection of garbage goes through all that libraries hold, for half a second: fewer, and less to see.
    gc.set_threshold(50_000)
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(_FIRST)}
    items.sort(key=lambda item: places.get(item.nodeid.split("::")[0], len(places)))


@pytest.fixture(scope="session")
def share(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Share:
    """Has a folder made once for all workers: `share(name, make)` returns it."""
    mine = tmp_path_factory.getbasetemp()
    root = mine if worker_id == "master" else mine.parent

    def share(name: str, make: Callable[[Path], None]) -> Path:
        folder, made = root / name, root / f"{name}.made"
        with FileLock(root / f"{name}.lock"):
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                # Databases that nobody holds any more are closed before another worker copies them.
                gc.collect()
                made.touch()
        return folder

    return share


def copy_project(source: Path, target: Path) -> None:
    """Copy a shared project; begin anew when a database of it was closed meanwhile, whose log is gone then."""
    for _ in range(3):
        try:
            shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)
        except shutil.Error as error:
            missing = error
        else:
            return
    raise missing


@pytest.fixture(scope="module")
def little_to_collect() -> None:
    """Every client of batches that is closed collects garbage, here among all that a test run has loaded."""
    load_litellm()
    gc.freeze()


@pytest.fixture(scope="session")
def compiled_models(share: Share) -> Path:
    """Where the packaged embedding model lies compiled: once for all workers, for it takes as long as many tests."""

    def compile_model(folder: Path) -> None:
        assert Encoder(EmbeddingSettings(), folder).dimension > 0

    return share("compiled", compile_model)


def link_compiled_models(store: Path, data: Path) -> None:
    """Have the project that keeps its data in a folder find the compiled models of another place."""
    (data / "index").mkdir(parents=True)
    (data / "index" / "compiled").symlink_to(store, target_is_directory=True)
