"""A static model is looked up without model libraries, and gives what sentence-transformers does."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from persona_assets.embedding.encoder import Encoder
from persona_assets.embedding.model_folder import find_model_folder
from persona_assets.embedding.static_model import load_static
from persona_assets.settings import EmbeddingSettings

TEXTS = [
    "A nurse.",
    "",
    " ",
    "  a \n b  ",
    "A retired miner who keeps bees. " * 60,
    "考古学家",
    "Ωμέγα, no. 5!",
    "a",
    "a",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with drawn vectors, written by sentence-transformers itself."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    own = find_model_folder("all-MiniLM-L6-v2")
    assert own
    tokenizer = Tokenizer.from_file(str(own / "tokenizer.json"))
    table = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), 16)).astype(np.float32)
    folder = tmp_path_factory.mktemp("static")
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=table)]).save(str(folder))
    return folder


def test_it_gives_the_vectors_of_sentence_transformers(folder: Path) -> None:
    ours = Encoder(EmbeddingSettings(model=str(folder)))
    theirs = Encoder(EmbeddingSettings(model=str(folder), engine="torch"))
    texts = [*TEXTS, *(f"Persona {number}" for number in range(5_000))]
    assert np.abs(ours.encode(texts) - theirs.encode(texts)).max() < 1e-6
    assert ours.encode([]).shape == (0, 16)
    assert (ours.dimension, ours.identity) == (16, theirs.identity)
    assert np.array_equal(ours.encode(["a"], alone=True), ours.encode(["a", "b"])[:1])


def test_it_loads_no_model_library(folder: Path) -> None:
    code = (
        "import sys; from persona_assets.embedding.encoder import Encoder;"
        "from persona_assets.settings import EmbeddingSettings;"
        f"Encoder(EmbeddingSettings(model={str(folder)!r})).encode(['A nurse.']);"
        "assert not {'torch', 'sentence_transformers', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("change", ["prompt", "module", "table"])
def test_what_has_more_to_it_is_left_to_sentence_transformers(change: str, folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if change == "prompt":
        (tmp_path / "config_sentence_transformers.json").write_text(json.dumps({"default_prompt_name": "query"}))
    elif change == "module":
        modules = json.loads((tmp_path / "modules.json").read_text())
        (tmp_path / "modules.json").write_text(json.dumps([*modules, {"idx": 1, "path": "1_Normalize"}]))
    else:
        (tmp_path / "model.safetensors").unlink()
    assert load_static(folder) is not None
    assert load_static(tmp_path) is None
