"""Reading what a GGUF file says of itself, without loading its weights."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"GGUF"
TENSOR_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K",
    12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 28: "F64", 29: "IQ1_M", 30: "BF16",
}  # fmt: skip
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LONGEST_STRING = 1 << 26


class GgufFormatError(ValueError):
    """The file is no GGUF file, or its header breaks off."""


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """A model file's description of itself.

    Attributes:
        metadata: the scalar and string entries; the long arrays of the tokenizer are left out.
        tensor_types: names of the number formats of its tensors.
    """

    metadata: Mapping[str, Any]
    tensor_types: frozenset[str]

    def read_number(self, name: str) -> int | None:
        """An integer entry under the architecture's own prefix, for example `context_length`."""
        value = self.metadata.get(f"{self.metadata.get('general.architecture')}.{name}")
        return value if isinstance(value, int) else None

    def count_cache_values(self) -> int:
        """Numbers that attention keeps for each token of the context."""
        layers, heads = self.read_number("block_count") or 1, self.read_number("attention.head_count") or 1
        shared_heads = self.read_number("attention.head_count_kv") or heads
        width = self.read_number("attention.key_length") or (self.read_number("embedding_length") or 1) // heads
        return 2 * layers * shared_heads * width


def read_header(path: Path) -> GgufHeader:
    """Read the header of a GGUF file; repeated calls for an unchanged file cost nothing.

    Args:
        path: the file.

    Returns:
        Its metadata and the formats of its tensors.

    Raises:
        GgufFormatError: if it is no GGUF file or ends too early.
        OSError: if it cannot be read.
    """
    state = path.stat()
    return _read_header(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=32)
def _read_header(path: Path, size: int, mtime_ns: int) -> GgufHeader:
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise GgufFormatError("it does not begin with the letters GGUF")
        _, tensors, entries = _unpack(file, "IQQ")
        metadata = {}
        for _ in range(entries):
            key = _read_string(file)
            (kind,) = _unpack(file, "I")
            value = _read_value(file, kind)
            if value is not None:
                metadata[key] = value
        return GgufHeader(metadata, frozenset(_read_tensor_type(file) for _ in range(tensors)))


def _read_tensor_type(file: BinaryIO) -> str:
    _read_string(file)
    (dimensions,) = _unpack(file, "I")
    *_, kind, _ = _unpack(file, f"{dimensions}QIQ")
    return TENSOR_TYPES.get(kind, f"type {kind}")


def _read_value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _read_string(file)
    if kind == _ARRAY:
        return _skip_array(file)
    if kind not in _SCALARS:
        raise GgufFormatError(f"its header holds a value of the unknown kind {kind}")
    return _unpack(file, _SCALARS[kind])[0]


def _skip_array(file: BinaryIO) -> None:
    kind, length = _unpack(file, "IQ")
    if kind in _SCALARS:
        file.seek(length * struct.calcsize("<" + _SCALARS[kind]), 1)
        return
    for _ in range(length):
        if kind == _STRING:
            (size,) = _unpack(file, "Q")
            file.seek(size, 1)
        else:
            _read_value(file, kind)


def _read_string(file: BinaryIO) -> str:
    (size,) = _unpack(file, "Q")
    if size > _LONGEST_STRING:
        raise GgufFormatError("its header is damaged")
    return _read_exactly(file, size).decode("utf-8", errors="replace")


def _unpack(file: BinaryIO, layout: str) -> tuple[Any, ...]:
    layout = "<" + layout
    return struct.unpack(layout, _read_exactly(file, struct.calcsize(layout)))


def _read_exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise GgufFormatError("its header breaks off")
    return data
