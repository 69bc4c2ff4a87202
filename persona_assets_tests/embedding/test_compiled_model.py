"""A compiled model is stored: a later process reads it without what made it, and gets the same vectors."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from persona_assets.embedding.compiled_model import load_compiled, locate_compiled
from persona_assets.embedding.encoder import Encoder
from persona_assets.settings import EmbeddingSettings

TEXTS = ["A nurse.", "", "  Ein Bäcker,\n\tder 日本語 lernt  ", "A very long tale of the sea. " * 200, "Ωμέγα"]

READ = """
import sys
import numpy as np
from pathlib import Path
from persona_assets.embedding.encoder import Encoder
from persona_assets.settings import EmbeddingSettings
vectors = Encoder(EmbeddingSettings(), Path(sys.argv[1])).encode(eval(sys.argv[2]))
np.save(sys.argv[3], vectors)
print(sorted({"torch", "sentence_transformers", "transformers"} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled")
    Encoder(EmbeddingSettings(), folder).encode(["A nurse."])
    return folder


def locate(store: Path) -> Path:
    return locate_compiled(store, Encoder(EmbeddingSettings()).identity)


def test_a_later_process_gets_the_models_own_vectors_without_its_libraries(store: Path, tmp_path: Path) -> None:
    target = tmp_path / "vectors.npy"
    program = [sys.executable, "-c", READ, str(store), repr(TEXTS), str(target)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    own = Encoder(EmbeddingSettings(engine="torch")).encode(TEXTS)
    assert np.abs(np.load(target) - own).max() < 1e-6


def test_more_texts_than_are_held_at_once_keep_their_order(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("persona_assets.embedding.compiled_model._AT_ONCE", 64)
    model = load_compiled(locate(store))
    assert model is not None
    texts = [f"Persona number {number % 50}." for number in range(180)]
    vectors = model.encode(texts, 16)
    assert np.abs(vectors[150:180] - vectors[:30]).max() < 1e-6
    assert model.encode([], 64).shape == (0, 0)


@pytest.mark.parametrize("damage", ["compiled.json", "*.xml", "*.bin"])
def test_what_is_damaged_is_made_anew(damage: str, store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "store"
    folder = copy / locate(store).name
    folder.mkdir(parents=True)
    for path in locate(store).iterdir():
        (folder / path.name).write_bytes(b"" if path.match(damage) else path.read_bytes())
    encoder = Encoder(EmbeddingSettings(), copy)
    assert encoder.encode(["A nurse."]).shape == (1, 384)
    assert load_compiled(folder) is not None
    assert len(list(folder.glob("*.bin"))) == 1


def test_where_it_cannot_be_stored_it_is_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    assert Encoder(EmbeddingSettings(), tmp_path / "file").encode(["A nurse."]).shape == (1, 384)
    assert "is not stored" in caplog.text


def test_a_machine_with_something_faster_neither_reads_nor_stores_it(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("persona_assets.embedding.encoder.load_compiled", lambda _: pytest.fail("it was read"))
    monkeypatch.setattr("persona_assets.embedding.compiled_model._ACCELERATORS", (str(store),))
    assert Encoder(EmbeddingSettings(), store).encode(["A nurse."]).shape == (1, 384)
    Encoder(EmbeddingSettings(), tmp_path).encode(["A nurse."])
    assert list(tmp_path.iterdir()) == []


def test_the_process_that_stores_it_has_the_vectors_of_later_ones(tmp_path: Path) -> None:
    texts = [f"A persona of district {number} who keeps {number} maps." for number in range(300)]
    first, later = (Encoder(EmbeddingSettings(), tmp_path).encode(texts) for _ in range(2))
    assert np.array_equal(first, later)
