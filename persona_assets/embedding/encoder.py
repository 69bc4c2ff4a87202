"""Vectors of texts by a sentence-transformers model (arXiv 1908.10084), loaded when first needed."""

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from persona_assets.embedding.compiled_model import (
    CompiledModel,
    compile_model,
    has_accelerator,
    load_compiled,
    locate_compiled,
)
from persona_assets.embedding.model_folder import PACKAGED_MODEL, find_model_folder, identify_model, is_static
from persona_assets.embedding.readability import Readability
from persona_assets.embedding.static_model import StaticModel, load_static
from persona_assets.errors import SettingsError
from persona_assets.settings import EmbeddingSettings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = npt.NDArray[np.float32]

_log = logging.getLogger(__name__)

_PARALLEL = "TOKENIZERS_PARALLELISM"


class TextEncoder(Protocol):
    """What turns texts into vectors: the model itself, or the model behind a cache."""

    @property
    def identity(self) -> str:
        """Names the model and its content: vectors of different identities are never compared."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def encode(self, texts: Sequence[str], *, alone: bool = False) -> Vectors:
        """Turn texts into L2-normalised vectors, one row a text.

        With `alone` each is computed by itself; together, the last bits of a vector change with its neighbours.
        """

    def readable(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Tell which texts the model can judge."""


class Encoder:
    """A sentence-transformers model. Making one loads nothing; `encode` and `dimension` load the model.

    Without a `store`, a folder of compiled models, each process compiles it anew.
    """

    def __init__(self, settings: EmbeddingSettings, store: Path | None = None) -> None:
        self._settings = settings
        self._store = store
        # Neither loading nor the tokenizer can be shared by threads.
        self._guard = threading.RLock()

    @cached_property
    def identity(self) -> str:
        """Names the model and its content; needs no model in memory."""
        if find_model_folder(self._settings.model) is None:
            with self._guard:
                _ = self._model  # an id names its content only once its files are here
        return identify_model(self._settings.model)

    @cached_property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.encode(["dimension"]).shape[1])

    def encode(self, texts: Sequence[str], *, alone: bool = False) -> Vectors:
        """Turn texts into L2-normalised float32 vectors, one row a text.

        `alone` counts on a CPU only, where it is no slower for texts of unequal length.

        Raises:
            SettingsError: if the model cannot be loaded.
        """
        with self._guard:
            if self._static:
                with _parallel_tokenizer():
                    return self._static.encode(texts)
            if texts and self._compiled:
                return self._compiled.encode(texts, 1 if alone else self._settings.batch_size)
            is_alone = alone and self._model.device.type == "cpu"
            vectors = self._model.encode(
                list(texts),
                batch_size=1 if is_alone else self._settings.batch_size,
                normalize_embeddings=True,
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def readable(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Tell which texts the model can judge, by the rules of `readability`. Loads no model."""
        return self._readability.judge(texts)

    @cached_property
    def _readability(self) -> Readability:
        return Readability(self._settings.scripts, find_model_folder(self._settings.model))

    @cached_property
    def _static(self) -> StaticModel | None:
        folder = find_model_folder(self._settings.model)
        is_read = is_static(self._settings.model) and self._settings.engine == "auto"
        return load_static(folder) if folder and is_read else None

    @cached_property
    def _compiled(self) -> CompiledModel | None:
        if self._settings.engine == "torch":
            return None
        # Where there may be a GPU, the model's library has to be asked for the device anyway.
        if self._store is None or has_accelerator():
            return compile_model(self._model)
        folder = locate_compiled(self._store, self.identity)
        stored = load_compiled(folder)
        if stored or not (compiled := compile_model(self._model)):
            return stored
        try:
            compiled.save(folder)
        except OSError as error:
            _log.warning("The compiled embedding model is not stored (%s): each run compiles it anew.", error)
        # As later runs will: what was stored differs in the last bits from what it was made of.
        return load_compiled(folder) or compiled

    @cached_property
    def _model(self) -> "SentenceTransformer":
        folder = find_model_folder(self._settings.model)
        if self._settings.model == PACKAGED_MODEL:
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault(_PARALLEL, "false")
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        try:
            return SentenceTransformer(str(folder or self._settings.model))
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            reason = str(error).strip().split("\n")[0]
            raise SettingsError(
                f"embedding.model: {self._settings.model!r} cannot be loaded as a sentence-transformers model "
                f"({reason}). Name a folder that holds one, a model id that exists, or {PACKAGED_MODEL}."
            ) from None


@contextmanager
def _parallel_tokenizer() -> Iterator[None]:
    # A static model does little else. Afterwards it is off again, so that a process forked later cannot hang in it.
    former = os.environ.get(_PARALLEL)
    os.environ[_PARALLEL] = "true"
    try:
        yield
    finally:
        os.environ[_PARALLEL] = former or "false"
