import subprocess
import sys

import numpy as np
import pytest

from persona_assets.embedding.encoder import Encoder
from persona_assets.embedding.model_folder import find_model_folder
from persona_assets.errors import SettingsError
from persona_assets.settings import EmbeddingSettings

PERSONAS = ["A retired history teacher from a small town", "A history teacher, now retired, from a small town", "A DJ"]


@pytest.fixture(scope="module")
def minilm():
    return Encoder(EmbeddingSettings())


def test_vectors_are_normalised_and_near_for_the_same_person(minilm):
    vectors = minilm.encode(PERSONAS)
    assert (vectors.dtype, vectors.shape, minilm.dimension) == (np.float32, (3, 384), 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-6)
    assert vectors[0] @ vectors[1] > 0.9
    assert vectors[0] @ vectors[2] < 0.5


def test_the_same_model_as_a_folder_gives_the_same_vectors_under_its_content_hash(minilm):
    folder = find_model_folder("all-MiniLM-L6-v2")
    by_folder = Encoder(EmbeddingSettings(model=str(folder)))
    assert by_folder.identity.split("@")[1] == minilm.identity.split("@")[1]
    assert np.array_equal(by_folder.encode(PERSONAS), minilm.encode(PERSONAS))


@pytest.mark.parametrize("empty", [True, False])
def test_a_model_that_cannot_be_loaded_is_named_with_what_to_do(tmp_path, empty, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    name = str(tmp_path) if empty else "no-such/model-anywhere"
    with pytest.raises(SettingsError, match=r"embedding\.model: '.*' cannot be loaded .* all-MiniLM-L6-v2"):
        Encoder(EmbeddingSettings(model=name)).encode(["x"])


def test_identity_and_readability_load_no_model():
    code = (
        "import sys; from persona_assets.embedding.encoder import Encoder;"
        "from persona_assets.settings import EmbeddingSettings; e = Encoder(EmbeddingSettings());"
        "assert e.readable(['A miner', '考古学家']).tolist() == [True, False]; assert '@' in e.identity;"
        "assert not {'torch', 'sentence_transformers', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_compiled_model_gives_the_vectors_of_the_model_itself(minilm):
    texts = [*PERSONAS, "考古学家", "x " * 400, "A nurse", *(f"{'very ' * n}old miner" for n in range(20))]
    own = Encoder(EmbeddingSettings(engine="torch")).encode(texts)
    assert np.abs(minilm.encode(texts) - own).max() < 2e-6
    assert np.abs(minilm.encode(texts, alone=True) - own).max() < 2e-6
    assert minilm._compiled is not None


def test_a_model_that_compiles_to_other_vectors_is_left_to_torch(monkeypatch):
    monkeypatch.setattr("persona_assets.embedding.compiled_model.TOLERANCE", -1.0)
    encoder = Encoder(EmbeddingSettings())
    assert encoder._compiled is None
    assert encoder.encode(PERSONAS).shape == (3, 384)
