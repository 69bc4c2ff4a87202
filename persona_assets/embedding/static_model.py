"""A static embedding model: a text's vector is the mean of its tokens' vectors, looked up in a table.

Nothing but the tokenizer runs, so the table and the tokenizer are read from the model's folder and no model library is
loaded. Memory is bounded, whatever the number of texts.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Vectors = npt.NDArray[np.float32]

_AT_ONCE: Final = 4_096
"""Texts whose tokens are held at once."""

_TABLE: Final = "embedding.weight"


@dataclass(frozen=True, slots=True)
class StaticModel:
    """Looks texts up in a table of a vector a token."""

    tokenizer: "Tokenizer"
    table: Vectors

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Turn texts into L2-normalised vectors, a row a text; a text without a known token is the zero vector."""
        parts = [self._encode(texts[start : start + _AT_ONCE]) for start in range(0, len(texts), _AT_ONCE)]
        return np.concatenate(parts) if parts else np.empty((0, self.table.shape[1]), dtype=np.float32)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        from scipy.sparse import csr_matrix

        tokens = [found.ids for found in self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]
        ends = np.cumsum([0, *map(len, tokens)])
        ids = np.fromiter(chain.from_iterable(tokens), np.int32, ends[-1])
        counts = csr_matrix((np.ones(len(ids), np.float32), ids, ends), shape=(len(texts), len(self.table)))
        # The mean has the direction of the sum.
        vectors = np.asarray(counts @ self.table, dtype=np.float32)
        norms: Vectors = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
        return vectors / norms


def load_static(folder: Path) -> StaticModel | None:
    """Read a static model as sentence-transformers stores it.

    None if it has further modules, prompts or another table, which sentence-transformers reads.
    """
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    if len(modules) != 1 or _has_prompt(folder):
        return None
    own = folder / modules[0]["path"]
    path = own / "model.safetensors"
    if not path.is_file():
        return None
    from safetensors import safe_open
    from tokenizers import Tokenizer

    with safe_open(str(path), framework="numpy") as tensors:
        if _TABLE not in tensors.keys():  # noqa: SIM118 - no mapping, though it has keys
            return None
        table = np.ascontiguousarray(tensors.get_tensor(_TABLE), dtype=np.float32)
    return StaticModel(Tokenizer.from_file(str(own / "tokenizer.json")), table)


def _has_prompt(folder: Path) -> bool:
    path = folder / "config_sentence_transformers.json"
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return values.get("default_prompt_name") is not None
