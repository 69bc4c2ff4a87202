"""The files of a folder of input: which are read, and why the others are not."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from persona_assets.corpus.readers import find_format, list_suffixes
from persona_assets.errors import CorpusError

_HIDDEN = "hidden"
_README = "a README is about the corpus, not of it"


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file of a folder of input that is not read."""

    path: Path
    reason: str

    @property
    def is_expected(self) -> bool:
        """Whether nobody would expect it to be read: what is hidden, and a README."""
        return self.reason in {_HIDDEN, _README}


def list_files(root: Path, setting: str) -> tuple[list[Path], list[SkippedFile]]:
    """Return the files that can be read of a folder or of one file, in order, and those passed over.

    Raises:
        CorpusError: if there is no such folder or file; the message begins with the setting that names it.
    """
    if not root.exists():
        raise CorpusError(f"{setting}: {root} does not exist. Set it to the folder or file to read.")
    root = root.resolve()
    files: list[Path] = []
    skipped: list[SkippedFile] = []
    for path in [root] if root.is_file() else _walk(root, skipped):
        if reason := _find_skip_reason(path, root):
            skipped.append(SkippedFile(path, reason))
        else:
            files.append(path)
    return files, skipped


def _walk(root: Path, skipped: list[SkippedFile]) -> Iterator[Path]:
    def report(error: OSError) -> None:
        skipped.append(SkippedFile(Path(error.filename or root), f"cannot be read: {error.strerror}"))

    for folder, subfolders, names in os.walk(root, onerror=report):
        # Changing the list in place keeps os.walk out of hidden folders, and makes its order the same everywhere.
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names))


def _find_skip_reason(path: Path, root: Path) -> str | None:
    if path != root and path.name.startswith("."):
        return _HIDDEN
    if path != root and path.stem.upper() == "README":
        return _README
    if find_format(path) is None:
        return f"unknown format; readable endings are {list_suffixes()}"
    try:
        with path.open("rb") as stream:
            return None if stream.read(1) else "empty file"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def describe_skipped(skipped: list[SkippedFile]) -> str:
    """Return the files passed over, for a message about a folder of which nothing is left."""
    if not skipped:
        return "It is empty."
    return "Passed over: " + "; ".join(f"{item.path.name} ({item.reason})" for item in skipped[:5]) + "."
