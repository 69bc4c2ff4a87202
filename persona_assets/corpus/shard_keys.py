"""The names of shards: safe as partition keys and file names, and the same whatever other files there are."""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

MAX_KEY_CHARS = 100

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_DOTS = re.compile(r"\.{2,}")
# `key.0001` names the second slice of a large file, so no file may be called so.
_LIKE_A_SLICE = re.compile(r"\.(?=\d{4}$)")


def make_key(relative: str) -> str:
    """Return the key of a path relative to the corpus folder, its suffix already removed.

    Letters, digits, `.`, `_` and `-`, at most 100: `news/2019 part.1` becomes `news-2019_part.1`. A name that cannot
    be written so gets the hash of the path at its end.
    """
    plain = unicodedata.normalize("NFKD", relative)
    plain = "".join(char for char in plain if not unicodedata.combining(char)).replace("/", "-")
    key = _LIKE_A_SLICE.sub("-", _DOTS.sub(".", _UNSAFE.sub("_", plain)).strip("._-"))
    is_faithful = plain.isascii() and key and len(key) <= MAX_KEY_CHARS
    return key if is_faithful else f"{key[: MAX_KEY_CHARS - 9].rstrip('._-') or 'file'}-{hash_path(relative)}"


def claim_keys(paths: list[str], remove_suffix: Callable[[str], str]) -> dict[str, str]:
    """Give each path its own key.

    A path has the plain key alone if no earlier path of the list has it; else its suffix, else its hash, is
    added. So a file keeps its key when others come, unless one of the same stem comes before it.
    """
    keys: dict[str, str] = {}
    taken: set[str] = set()
    for path in paths:
        choices = (make_key(remove_suffix(path)), make_key(path), f"{make_key(path)}-{hash_path(path)}")
        # Some file systems do not tell case apart, and a key names files.
        keys[path] = next(key for key in choices if key.casefold() not in taken)
        taken.add(keys[path].casefold())
    return keys


def hash_path(relative: str) -> str:
    """Return eight hexadecimal digits of a path, the same however the file system composes its letters."""
    return hashlib.blake2b(unicodedata.normalize("NFC", relative).encode("utf-8", "replace"), digest_size=4).hexdigest()


def join_relative(path: Path, root: Path) -> str:
    """Return a path below a folder with forward slashes, or the name of the file that is the corpus.

    Bytes of a file name that are no UTF-8 are replaced, so that the name can be stored.
    """
    name = path.name if path == root else path.relative_to(root).as_posix()
    return name.encode("utf-8", "replace").decode("utf-8")
