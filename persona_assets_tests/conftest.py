"""What every test has: the scripted model, known to litellm as soon as somebody loads it, and a compiled model."""

from pathlib import Path

import pytest
from filelock import FileLock

from persona_assets.embedding.encoder import Encoder
from persona_assets.settings import EmbeddingSettings
from persona_assets_tests.scripted import install_scripted_provider


@pytest.fixture(scope="session", autouse=True)
def _scripted_model() -> None:
    install_scripted_provider()


@pytest.fixture(scope="session")
def compiled_models(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Where the packaged embedding model lies compiled: once for all workers, for it takes as long as many tests."""
    mine = tmp_path_factory.getbasetemp()
    shared = mine if worker_id == "master" else mine.parent
    store = shared / "compiled"
    with FileLock(shared / "compiled.lock"):
        assert Encoder(EmbeddingSettings(), store).dimension > 0
    return store


def link_compiled_models(store: Path, data: Path) -> None:
    """Have the project that keeps its data in a folder find the compiled models of another place."""
    (data / "index").mkdir(parents=True)
    (data / "index" / "compiled").symlink_to(store, target_is_directory=True)
