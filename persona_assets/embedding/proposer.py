"""A static model that proposes pairs, and the embedding model itself that judges them.

Where an embedding costs a millisecond and most personas have no duplicate, most embeddings decide nothing. A static
model distilled from the embedding model (a vector a token, reduced to principal components, frequent tokens counting
less: Model2Vec, Tulkens and van Dongen 2024) computes 25 times as many vectors a second. The index holds its vectors;
pairs that come within a margin of the threshold are judged by the embedding model, so thresholds keep their meaning:
what is dropped is right, and what the margin is too narrow for stays.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from persona_assets.embedding.encoder import Encoder, TextEncoder, Vectors
from persona_assets.embedding.model_folder import find_model_folder
from persona_assets.embedding.near_pairs import Rows, Scores, compare_rows
from persona_assets.errors import SettingsError
from persona_assets.settings import EmbeddingSettings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedTokenizerBase

DIMENSION: Final = 256
_TOKENS_AT_ONCE = 2_048
_SIF = 1e-4
_RECIPE: Final = 1
"""Counts up when the distillation changes: its vectors are then others."""


@dataclass(frozen=True)
class Judge:
    """Compares by the embedding model what a proposer's vectors brought together.

    A pair is proposed down to `margin` below the threshold of the cosine.
    """

    encoder: TextEncoder
    margin: float

    def compare(self, left: Sequence[str], right: Sequence[str]) -> Scores:
        """Compute the cosine of each left text with the right one at its place."""
        rows = {text: row for row, text in enumerate(dict.fromkeys([*left, *right]))}
        if not rows:
            return np.empty(0)
        vectors = self.encoder.encode(list(rows))
        return compare_rows(vectors, _look_up(rows, left), vectors, _look_up(rows, right))


class ProposingEncoder:
    """Computes vectors of a static model that only propose; `judge` says what they are worth."""

    def __init__(self, judge: Judge, proposer: TextEncoder) -> None:
        self.judge = judge
        self._proposer = proposer

    @property
    def identity(self) -> str:
        """Names both models and their content."""
        return f"{self._proposer.identity} for {self.judge.encoder.identity}"

    @property
    def dimension(self) -> int:
        """Length of a vector of the static model."""
        return self._proposer.dimension

    def encode(self, texts: Sequence[str], *, alone: bool = False) -> Vectors:
        """Turn texts into L2-normalised vectors of the static model."""
        return self._proposer.encode(texts, alone=alone)

    def readable(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Tell which texts the embedding model can judge."""
        return self.judge.encoder.readable(texts)


def find_judge(encoder: TextEncoder | None) -> Judge | None:
    """The judge of an encoder whose vectors only propose; none for one whose vectors count."""
    return encoder.judge if isinstance(encoder, ProposingEncoder) else None


def make_proposing(settings: EmbeddingSettings, encoder: TextEncoder, folder: Path) -> ProposingEncoder:
    """Put a static model, distilled once and kept in a folder, before an embedding model."""
    target = folder / hashlib.sha256(f"{encoder.identity} {DIMENSION} {_RECIPE}".encode()).hexdigest()[:16]
    if not (target / "modules.json").is_file():
        distil_static(settings.model, target)
    proposer = Encoder(settings.model_copy(update={"model": str(target)}))
    return ProposingEncoder(Judge(encoder, settings.proposer_margin), proposer)


def distil_static(model: str, target: Path) -> None:
    """Distil a static model, and write it as a sentence-transformers folder, which appears whole.

    Raises:
        SettingsError: if the model is no transformer with a fast tokenizer.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding, Transformer
    from tokenizers import Tokenizer

    source = SentenceTransformer(str(find_model_folder(model) or model), device="cpu")
    backend = getattr(source.tokenizer, "backend_tokenizer", None)
    if not isinstance(source[0], Transformer) or backend is None:
        raise SettingsError(
            f"embedding.proposer: no static model can be distilled from {model}, which is no transformer with a fast"
            " tokenizer. Set embedding.proposer to none."
        )
    weights = _weigh(_reduce(_embed_tokens(source)))
    embedding = StaticEmbedding(Tokenizer.from_str(backend.to_str()), embedding_weights=weights)
    unfinished = target.with_name(f"{target.name}.tmp")
    SentenceTransformer(modules=[embedding]).save(str(unfinished))
    unfinished.rename(target)


def _embed_tokens(source: "SentenceTransformer") -> npt.NDArray[np.float64]:
    import torch

    tokenizer, transformer = source.tokenizer, source[0].auto_model
    before, after = _find_frame(tokenizer)
    parts = []
    with torch.inference_mode():
        for start in range(0, len(tokenizer), _TOKENS_AT_ONCE):
            ids = range(start, min(start + _TOKENS_AT_ONCE, len(tokenizer)))
            rows = torch.tensor([[*before, token, *after] for token in ids])
            parts.append(transformer(input_ids=rows, attention_mask=torch.ones_like(rows)).last_hidden_state.mean(1))
    vectors: npt.NDArray[np.float64] = torch.cat(parts).numpy().astype(np.float64)
    return vectors


def _find_frame(tokenizer: "PreTrainedTokenizerBase") -> tuple[list[int], list[int]]:
    # The special tokens that a text stands between.
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    start = next(place for place in range(len(whole)) if whole[place : place + len(plain)] == plain)
    return whole[:start], whole[start + len(plain) :]


def _reduce(tokens: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    centred = tokens - tokens.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    reduced: npt.NDArray[np.float64] = centred @ axes[:, ::-1][:, :DIMENSION]
    return reduced


def _weigh(tokens: npt.NDArray[np.float64]) -> Vectors:
    # Tokens of a vocabulary stand in the order of their frequency, which follows Zipf's law.
    frequency = 1 / (np.arange(len(tokens)) + 2)
    frequency /= frequency.sum()
    weighed: Vectors = (tokens * (_SIF / (_SIF + frequency))[:, None]).astype(np.float32)
    return weighed


def _look_up(rows: dict[str, int], texts: Sequence[str]) -> Rows:
    return np.array([rows[text] for text in texts], dtype=np.int64)
