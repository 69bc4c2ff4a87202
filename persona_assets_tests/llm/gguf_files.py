"""Small GGUF files for tests: a header, a scalar, an array, and tensors without weights."""

import struct
from pathlib import Path


def write_gguf(path: Path, tensor_types: tuple[int, ...] = (0, 8), architecture: str = "llama") -> Path:
    """Write a GGUF header whose tensors have the given type numbers."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    entries = [
        text("general.architecture") + struct.pack("<I", 8) + text(architecture),
        text(f"{architecture}.context_length") + struct.pack("<II", 4, 2_048),
        text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + text("<s>") + text("hello"),
        text("tokenizer.ggml.scores") + struct.pack("<IIQff", 9, 6, 2, 0.5, 0.25),
    ]
    tensors = [
        text(f"blk.{number}.weight") + struct.pack("<IQQIQ", 2, 32, 32, kind, 0)
        for number, kind in enumerate(tensor_types)
    ]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries))
    path.write_bytes(head + b"".join(entries) + b"".join(tensors))
    return path
