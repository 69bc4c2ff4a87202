"""The names of shards: safe as partition keys and file names, and the same whatever other files there are."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from persona_assets.corpus.file_facts import FactsCache, FileFacts
from persona_assets.corpus.file_listing import SkippedFile, describe_skipped, list_files
from persona_assets.corpus.readers import FORMATS, find_suffix, get_format, list_suffixes
from persona_assets.errors import CorpusError
from persona_assets.settings import CorpusSettings

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


Kind = Literal["text", "persona"]

PERSONA_COLUMNS = ("persona", "input persona")


@dataclass(frozen=True, slots=True)
class CorpusShard:
    """A slice of the corpus: one partition.

    Args:
        kind: `text` (documents) or `persona` (a published persona set).
        files: one, or the text files of a folder in order.
        names: what the rows' `source` calls them: their paths in the corpus folder.
        start: the first record of the file, counted from 0.
        stop: the record to stop before; None: to the end.
    """

    key: str
    kind: Kind
    files: tuple[Path, ...]
    names: tuple[str, ...]
    start: int = 0
    stop: int | None = None

    @property
    def is_whole_file(self) -> bool:
        """Whether the shard reads its files from the first record to the last."""
        return self.start == 0 and self.stop is None


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a corpus folder holds: shards in the order of their keys and slices, and the files that are in none."""

    shards: tuple[CorpusShard, ...]
    skipped: tuple[SkippedFile, ...]


def discover_shards(settings: CorpusSettings, facts_cache: Path | None = None) -> Discovery:
    """Find the shards of the corpus.

    The JSON file `facts_cache` remembers the counts of files that have not changed; without it they are counted anew.

    Raises:
        CorpusError: if the folder is missing, or holds no file that can be read.
    """
    root = settings.path.expanduser()
    files, skipped = list_files(root, "corpus.path")
    cache = FactsCache.load(facts_cache, settings.max_line_bytes)
    shards = tuple(_build_shards(files, root.resolve(), settings.max_documents, cache))
    cache.save()
    if not shards:
        raise CorpusError(
            f"corpus.path: {root} holds no text that can be read. Put files of {list_suffixes()} in it, "
            f"or set corpus.path to another folder. {describe_skipped(skipped)}"
        )
    return Discovery(shards, tuple(skipped))


def _build_shards(files: list[Path], root: Path, max_documents: int, cache: FactsCache) -> Iterator[CorpusShard]:
    units: dict[str, tuple[Path, ...]] = {}
    documents = [path for path in files if get_format(path).is_document]
    for folder, members in groupby(sorted(documents, key=lambda path: (path.parent, path)), lambda path: path.parent):
        units[_name_folder(folder, root)] = tuple(members)
    others = [path for path in files if not get_format(path).is_document]
    units |= {join_relative(path, root): (path,) for path in sorted(others, key=_rank_format)}
    keys = claim_keys(list(units), _remove_suffix)
    for unit in sorted(units, key=lambda unit: keys[unit]):
        yield from _slice_unit(keys[unit], units[unit], root, max_documents, cache)


def _rank_format(path: Path) -> tuple[int, Path]:
    # By format first, so that a CSV added beside a JSONL file of its stem does not take its key.
    return FORMATS.index(get_format(path)), path


def _name_folder(folder: Path, root: Path) -> str:
    # Text files at the top are named by the corpus folder; the second slash keeps a subfolder of that name apart.
    if root.is_file():
        return f"{root.stem}//"
    return f"{root.name}//" if folder == root else f"{join_relative(folder, root)}/"


def _remove_suffix(unit: str) -> str:
    return unit.rstrip("/") if unit.endswith("/") else unit[: len(unit) - len(find_suffix(Path(unit)))]


def _slice_unit(
    key: str, files: tuple[Path, ...], root: Path, max_documents: int, cache: FactsCache
) -> Iterator[CorpusShard]:
    names = tuple(join_relative(path, root) for path in files)
    if get_format(files[0]).is_document:
        for number, first in enumerate(range(0, len(files), max_documents)):
            part = slice(first, first + max_documents)
            yield CorpusShard(_number_key(key, number), "text", files[part], names[part])
        return
    facts = cache.look_up(files[0])
    starts = range(0, max(facts.records, 1), max_documents)
    for number, start in enumerate(starts):
        # The last slice is open, so that no record is lost if the count was short.
        stop = None if number == len(starts) - 1 else start + max_documents
        yield CorpusShard(_number_key(key, number), _find_kind(facts), files, names, start, stop)


def _number_key(key: str, number: int) -> str:
    return f"{key}.{number:04}" if number else key


def _find_kind(facts: FileFacts) -> Kind:
    is_persona = "text" not in facts.columns and any(name in facts.columns for name in PERSONA_COLUMNS)
    return "persona" if is_persona else "text"
