"""A sentence-transformers model compiled by OpenVINO: the same vectors on a CPU, in a third of the time."""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = npt.NDArray[np.float32]

TOLERANCE: Final = 1e-5
"""How far a compiled vector may lie from the model's own, in any component."""

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_PROBES = ("A nurse.", "A retired miner from Silesia who keeps bees and reads about the moons of Jupiter.")


class CompiledModel:
    """Runs a compiled model.

    Args:
        model: the model that was compiled; it tokenises.
        compiled: OpenVINO's form of it.
        inputs: names of the features that it takes.
    """

    def __init__(self, model: "SentenceTransformer", compiled: Any, inputs: Sequence[str]) -> None:
        self._model = model
        self._compiled = compiled
        self._inputs = inputs

    def encode(self, texts: Sequence[str], batch_size: int) -> Vectors:
        """Turn texts into L2-normalised vectors, texts of like length together.

        Args:
            texts: in any number.
            batch_size: texts a batch.

        Returns:
            A row a text, in the texts' order.
        """
        lengths = self._count_tokens(texts) if len(texts) > batch_size else [0] * len(texts)
        order = sorted(range(len(texts)), key=lengths.__getitem__)
        parts = [
            self._infer([texts[row] for row in order[start : start + batch_size]])
            for start in range(0, len(order), batch_size)
        ]
        ordered = np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32)
        vectors = np.empty_like(ordered)
        vectors[order] = ordered
        return vectors

    def _count_tokens(self, texts: Sequence[str]) -> list[int]:
        window = self._model.max_seq_length
        found = self._model.tokenizer(list(texts), truncation=window is not None, max_length=window)
        return [len(tokens) for tokens in found["input_ids"]]

    def _infer(self, texts: Sequence[str]) -> Vectors:
        features = self._model.preprocess(list(texts))
        found = self._compiled([features[name].numpy() for name in self._inputs])
        vectors = np.array(found[0], dtype=np.float32)
        norms: Vectors = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
        return vectors / norms


def compile_model(model: "SentenceTransformer") -> CompiledModel | None:
    """Compile a transformer on a CPU, if OpenVINO is installed and gives the model's own vectors.

    Args:
        model: the model.

    Returns:
        The compiled model; none where there is nothing to gain, or its vectors are others.
    """
    if model.device.type != "cpu" or not _is_transformer(model):
        return None
    try:
        import openvino
    except ImportError:
        return None
    log = logging.getLogger(__name__)
    try:
        features = model.preprocess(list(_PROBES))
        inputs = [name for name in _INPUTS if name in features]
        # Single precision, whatever the processor can do: thresholds mean the model's own similarity.
        compiled = openvino.Core().compile_model(_convert(model, features, inputs), "CPU", _PRECISION)
        fast = CompiledModel(model, compiled, inputs)
        difference = _measure_difference(model, fast)
    except Exception as error:  # noqa: BLE001 - a tracer can fail in any way, and the model itself still works
        log.info("OpenVINO cannot compile this embedding model; it runs by PyTorch: %s", str(error).split("\n")[0])
        return None
    if difference > TOLERANCE:
        log.info("OpenVINO's vectors of this embedding model differ by %.1e; it runs by PyTorch.", difference)
        return None
    return fast


_PRECISION: Final = {"INFERENCE_PRECISION_HINT": "f32"}


def _is_transformer(model: "SentenceTransformer") -> bool:
    from sentence_transformers.sentence_transformer.modules import Transformer

    return len(model) > 0 and isinstance(model[0], Transformer)


def _convert(model: "SentenceTransformer", features: Mapping[str, Any], inputs: Sequence[str]) -> Any:
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    class Forward(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: torch.Tensor) -> Any:
            return self.model(dict(zip(inputs, tensors, strict=True)))["sentence_embedding"]

    example = tuple(features[name] for name in inputs)
    with _quiet(), torch.inference_mode():
        decoder = TorchScriptPythonDecoder(Forward().eval(), example_input=example)
        # Not `openvino.convert_model`, which reports to its maker over the network.
        frontend = FrontEndManager().load_by_framework("pytorch")
        converted = frontend.convert(frontend.load(decoder))
    converted.reshape({port: [-1, -1] for port in converted.inputs})
    return converted


@contextmanager
def _quiet() -> Iterator[None]:
    # A tracer touches all of a model, deprecated attributes and unused branches, too.
    loggers = [logging.getLogger(name) for name in ("sentence_transformers", "transformers")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _measure_difference(model: "SentenceTransformer", fast: CompiledModel) -> float:
    texts = [*_PROBES, "x " * 100]
    own = model.encode(texts, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True)
    return float(np.abs(own - fast.encode(texts, len(texts))).max())
