"""Byte streams of plain and compressed files, and their lines in a bounded memory."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

CHUNK_BYTES = 1 << 20

STREAM_ERRORS = (OSError, EOFError, zlib.error)
"""What reading a damaged compressed file or a failing disk raises."""


def open_stream(path: Path) -> BinaryIO:
    """Open a file for reading, decompressed as its suffix (.gz, .zst) says."""
    if path.suffix == ".gz":
        return cast("BinaryIO", gzip.open(path, "rb"))
    if path.suffix == ".zst":
        return cast("BinaryIO", io.BufferedReader(_ZstdStream(path), CHUNK_BYTES))
    return path.open("rb")


class _ZstdStream(io.RawIOBase):
    """Gives fastwarc's Zstandard reader, which only reads blocks, the interface of a file."""

    def __init__(self, path: Path) -> None:
        from fastwarc.stream_io import ZstdReader

        self._file = path.open("rb")
        self._reader = ZstdReader(self._file)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data: bytes = self._reader.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def iterate_lines(stream: BinaryIO, max_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield each line with its number from 1; a longer one as None, without ever holding it whole.

    Raises:
        OSError, EOFError, zlib.error: where the stream breaks off; every whole line before was yielded.
    """
    number = 0
    while line := stream.readline(max_bytes + 1):
        number += 1
        if len(line) <= max_bytes or line.endswith(b"\n"):
            yield number, line
        else:
            _skip_line(stream)
            yield number, None


def _skip_line(stream: BinaryIO) -> None:
    while (rest := stream.readline(CHUNK_BYTES)) and not rest.endswith(b"\n"):
        pass


def count_lines(path: Path) -> int:
    """Count the lines of a file without parsing them; of a damaged file, those before the damage."""
    count, last = 0, b"\n"
    with suppress(*STREAM_ERRORS), open_stream(path) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            count += chunk.count(b"\n")
            last = chunk[-1:]
    return count if last == b"\n" else count + 1
