"""The encoders of the comparison by name: the same object for every tool that takes one."""

from collections.abc import Sequence
from typing import Any

from persona_assets.embedding.encoder import Encoder, Vectors
from persona_assets.settings import EmbeddingSettings

STATIC_FOLDER = ".bench/static"
MARGIN = 0.1
"""On these personas 99.9% of the pairs at 0.9 or above lie within it; the project's default is wider."""


class ListEncoder:
    """An encoder as other tools call one: with any options, and a list of texts."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def encode(self, texts: Sequence[str], **options: Any) -> Vectors:
        return self._encoder.encode(list(texts))


def make_settings(name: str) -> EmbeddingSettings:
    """static, minilm (by OpenVINO), minilm-torch (by sentence-transformers); proposed-minilm: behind a static model."""
    if name == "static":
        return EmbeddingSettings(model=STATIC_FOLDER)
    engine = "torch" if name.endswith("torch") else "auto"
    proposer = "static" if name.startswith("proposed-") else "none"
    return EmbeddingSettings(engine=engine, proposer=proposer, proposer_margin=MARGIN)


def open_encoder(name: str) -> ListEncoder:
    """Load an encoder."""
    encoder = ListEncoder(Encoder(make_settings(name)))
    encoder.encode(["A nurse."])
    return encoder
