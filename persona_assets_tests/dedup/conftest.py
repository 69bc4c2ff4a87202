import pytest

from persona_assets.embedding.encoder import Encoder
from persona_assets.settings import EmbeddingSettings


@pytest.fixture(scope="session")
def minilm(compiled_models):
    return Encoder(EmbeddingSettings(), compiled_models)
