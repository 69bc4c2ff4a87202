"""A sentence-transformers model compiled by OpenVINO: the same vectors on a CPU, in a third of the time.

What was compiled, and found to give the model's own vectors, is stored: a later run reads it within a second and loads
neither PyTorch nor sentence-transformers, which take ten.
"""

import hashlib
import json
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from persona_assets.streamed_file import write_whole

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Encoding, Tokenizer

Vectors = npt.NDArray[np.float32]

TOLERANCE: Final = 1e-5
"""How far a compiled vector may lie from the model's own, in any component."""

_DESCRIPTION: Final = "compiled.json"
_FORM: Final = 1
"""Of what is stored: raise it when it changes."""

_INPUTS: Final = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
"""The features that a model may take, and what the tokenizer calls them."""

_PROBES: Final = (
    "A nurse.",
    "A retired miner from Silesia who keeps bees and reads about the moons of Jupiter.",
    "  Ein Bäcker,\n\tder 日本語 lernt \U0001f600  ",
)
_LONG: Final = "A text that is longer than the window of the model, whatever its length may be. "
_AT_ONCE: Final = 4_096
"""Texts whose tokens are held at once."""

_ACCELERATORS: Final = ("/dev/nvidiactl", "/dev/kfd")


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """Runs a compiled model.

    Attributes:
        padding: the token that fills texts of a batch up to one length.
        compiled: `model`, ready to run.
        inputs: names of the features that it takes, in their order.
    """

    tokenizer: "Tokenizer"
    padding: int
    model: Any
    compiled: Any
    inputs: Sequence[str]

    def encode(self, texts: Sequence[str], batch_size: int) -> Vectors:
        """Turn texts into L2-normalised vectors, a row a text in their order; memory for tokens is bounded."""
        parts = [self._encode(texts[row : row + _AT_ONCE], batch_size) for row in range(0, len(texts), _AT_ONCE)]
        return np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Store it for `load_compiled`; the description goes last, so that what is not whole is not read."""
        import openvino

        folder.mkdir(parents=True, exist_ok=True)
        # Under names of its own: another run may store the same model at the same time.
        name = f"{uuid4().hex[:12]}.xml"
        openvino.save_model(self.model, folder / name, compress_to_fp16=False)
        facts = {"model": name, "inputs": self.inputs, "padding": self.padding, "tokenizer": self.tokenizer.to_str()}
        write_whole(folder / _DESCRIPTION, json.dumps(facts))
        for path in folder.glob("*.??[ln]"):
            if path.stem != Path(name).stem:
                path.unlink(missing_ok=True)

    def _encode(self, texts: Sequence[str], batch_size: int) -> Vectors:
        tokens = self.tokenizer.encode_batch(list(texts))
        order = sorted(range(len(texts)), key=lambda row: len(tokens[row].ids))
        batches = (order[start : start + batch_size] for start in range(0, len(order), batch_size))
        ordered = np.concatenate([self._infer([tokens[row] for row in rows]) for rows in batches])
        vectors = np.empty_like(ordered)
        vectors[order] = ordered
        return vectors

    def _infer(self, tokens: Sequence["Encoding"]) -> Vectors:
        shape = (len(tokens), max(len(one.ids) for one in tokens))
        features = [np.full(shape, self.padding if name == "input_ids" else 0, np.int64) for name in self.inputs]
        for name, feature in zip(self.inputs, features, strict=True):
            for row, one in zip(feature, tokens, strict=True):
                row[: len(one.ids)] = getattr(one, _INPUTS[name])
        vectors = np.array(self.compiled(features)[0], dtype=np.float32)
        norms: Vectors = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
        return vectors / norms


def locate_compiled(store: Path, identity: str) -> Path:
    """The folder of a model's compiled form: by its content and by what compiled it."""
    try:
        version = metadata.version("openvino")
    except metadata.PackageNotFoundError:
        version = "none"
    return store / hashlib.sha256(f"{identity} {version} {_FORM}".encode()).hexdigest()[:16]


def load_compiled(folder: Path) -> CompiledModel | None:
    """Read a stored model; None if it is not there or cannot be read."""
    path = folder / _DESCRIPTION
    if not path.is_file():
        return None
    try:
        import openvino
        from tokenizers import Tokenizer

        facts = json.loads(path.read_text(encoding="utf-8"))
        model = openvino.Core().read_model(folder / facts["model"])
        tokenizer = Tokenizer.from_str(facts["tokenizer"])
        return CompiledModel(tokenizer, facts["padding"], model, _prepare(model), facts["inputs"])
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the stored form, the model is compiled anew
        logging.getLogger(__name__).info("%s cannot be read and is made anew: %s", path, str(error).split("\n")[0])
        return None


def has_accelerator() -> bool:
    """Whether this machine seems to have a GPU, told without loading what would use it."""
    return sys.platform == "darwin" or any(Path(device).exists() for device in _ACCELERATORS)


def compile_model(model: "SentenceTransformer") -> CompiledModel | None:
    """Compile a transformer on a CPU; None if OpenVINO is not installed or does not give the model's own vectors."""
    from sentence_transformers.sentence_transformer.modules import Transformer

    if model.device.type != "cpu" or not (len(model) and isinstance(model[0], Transformer)):
        return None
    try:
        import openvino  # noqa: F401 - whether it is installed
    except ImportError:
        return None
    log = logging.getLogger(__name__)
    try:
        features = model.preprocess(list(_PROBES))
        inputs = [name for name in _INPUTS if name in features]
        converted = _convert(model, features, inputs)
        padding = model.tokenizer.pad_token_id
        fast = CompiledModel(_copy_tokenizer(model), padding, converted, _prepare(converted), inputs)
        difference = _measure_difference(model, fast)
    except Exception as error:  # noqa: BLE001 - a tracer can fail in any way, and the model itself still works
        log.info("OpenVINO cannot compile this embedding model; it runs by PyTorch: %s", str(error).split("\n")[0])
        return None
    if difference > TOLERANCE:
        log.info("OpenVINO's vectors of this embedding model differ by %.1e; it runs by PyTorch.", difference)
        return None
    return fast


def _prepare(model: Any) -> Any:
    import openvino

    # Single precision, whatever the processor can do: thresholds mean the model's own similarity.
    return openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def _copy_tokenizer(model: "SentenceTransformer") -> "Tokenizer":
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_padding()
    if model.max_seq_length is None:
        tokenizer.no_truncation()
    else:
        tokenizer.enable_truncation(model.max_seq_length)
    return tokenizer


def _convert(model: "SentenceTransformer", features: Mapping[str, Any], inputs: Sequence[str]) -> Any:
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    class Forward(torch.nn.Module):  # type: ignore[misc]
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
    texts = [*_PROBES, _LONG * 100]
    own = model.encode(texts, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True)
    return float(np.abs(own - fast.encode(texts, len(texts))).max())
