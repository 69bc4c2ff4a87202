"""Where files lie: a folder on disk, or a prefix of object storage. Both behave alike.

Object storage is reached by two well-kept clients, Arrow's for files as a whole and Polars' for rows of them. Each
takes address and credentials from the environment variables that are usual for them (AWS_ENDPOINT_URL,
AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS, ...), so that none stands in a settings file.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from persona_assets.errors import LakeError

if TYPE_CHECKING:
    from pyarrow import fs

_SCHEME = "://"


class Storage:
    """A tree of files, named by their paths below its root.

    Args:
        root: a folder, or the address of one in object storage: `s3://BUCKET/PATH`, `gs://`, `abfs://`.

    Raises:
        LakeError: by each method but `open`, if object storage cannot be reached or refuses.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = str(root)
        self.is_local = _SCHEME not in self.root

    def locate(self, name: str) -> str:
        """The address of a file, whether or not it exists."""
        return f"{self.root.rstrip('/')}/{name}"

    def list_files(self, folder: str = "") -> list[str]:
        """The files below a folder of the root, at any depth, in alphabetical order; none if there is none."""
        from pyarrow import fs

        base = f"{self._base}/{folder}".rstrip("/")
        with self._explain(base):
            found = self._files.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True))
        return sorted(info.path.removeprefix(f"{self._base}/") for info in found if info.type == fs.FileType.File)

    def exists(self, name: str) -> bool:
        """Whether a file is there."""
        return self.find_time(name) is not None

    def find_time(self, name: str) -> float | None:
        """When a file was written, in seconds since 1970; None if it is not there."""
        from pyarrow import fs

        with self._explain(name):
            info = self._files.get_file_info(f"{self._base}/{name}")
        return info.mtime.timestamp() if info.type == fs.FileType.File else None

    def open(self, name: str) -> Any:
        """Open a file for reading, as Arrow's file.

        Raises:
            OSError: FileNotFoundError if it is not there, another if it cannot be read.
        """
        return self._files.open_input_file(f"{self._base}/{name}")

    def scan(self, names: Sequence[str], path_column: str | None = None) -> pl.LazyFrame:
        """Read Parquet files lazily, as one table; `path_column` gets the address of each row's file."""
        return pl.scan_parquet([self.locate(name) for name in names], glob=False, include_file_paths=path_column)

    @contextmanager
    def stage(self, name: str) -> Iterator[Path]:
        """Give a path on disk to write a file to: on disk its own, else one from which `publish` uploads it."""
        if self.is_local:
            yield Path(self.locate(name))
            return
        with tempfile.TemporaryDirectory(prefix="persona-assets-", ignore_cleanup_errors=True) as folder:
            yield Path(folder) / Path(name).name

    def publish(self, staged: Path, name: str) -> None:
        """Make a staged file visible as a whole, in place of the one that is there; on disk it is already."""
        from pyarrow import fs

        if not self.is_local:
            target = f"{self._base}/{name}"
            with self._explain(name):
                if isinstance(self._files, fs.LocalFileSystem):
                    self._files.create_dir(target.rpartition("/")[0], recursive=True)
                fs.copy_files(str(staged), target, fs.LocalFileSystem(), self._files)

    def copy_from(self, other: "Storage", name: str) -> None:
        """Copy a file of another storage to the same name."""
        with self.stage(name) as path:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._explain(name), other.open(name) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)
            self.publish(path, name)

    def remove(self, name: str) -> None:
        """Delete a file, if it is there."""
        if self.exists(name):
            with self._explain(name):
                self._files.delete_file(f"{self._base}/{name}")

    @property
    def _files(self) -> "fs.FileSystem":
        return self._opened[0]

    @property
    def _base(self) -> str:
        return self._opened[1]

    @cached_property
    def _opened(self) -> tuple["fs.FileSystem", str]:
        from pyarrow import ArrowInvalid, fs

        if self.is_local:
            return fs.LocalFileSystem(), self.root.rstrip("/")
        try:
            files, base = fs.FileSystem.from_uri(self.root)
        except (ArrowInvalid, OSError) as error:
            raise LakeError(self._describe(error)) from None
        return files, base.rstrip("/")

    @contextmanager
    def _explain(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LakeError(f"{name}: {self._describe(error)}") from None

    def _describe(self, error: Exception) -> str:
        reason = " ".join(str(error).split())[:300]
        return (
            f"{self.root} could not be used ({reason}). Nothing that was there before is lost. Correct the address"
            " (paths.lake of the tables, --to of publish), or give this machine the rights; object storage takes its"
            " credentials from the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, ...)."
        )
