"""Every file format of a corpus behind one interface: which files are read, and how.

A reader streams the records of a file, plain or compressed, lazily, keeps what was read before a damage, and names
each record by its position. One bad row never ends a file. Each takes the path, the number of records to skip, the
record to stop before (counted from 0; None: to the end), and the longest line or text in bytes: longer ones are
passed over.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from persona_assets.corpus.entries import BadRecord, Record
from persona_assets.corpus.line_formats import is_damage, read_delimited, read_json_lines
from persona_assets.corpus.page_formats import count_archive, read_archive, read_text
from persona_assets.corpus.streams import count_lines
from persona_assets.corpus.table_formats import count_parquet, read_json, read_parquet
from persona_assets.errors import CorpusError

Reader = Callable[[Path, int, int | None, int], Iterator[Record | BadRecord]]

COMPRESSIONS = ("", ".gz", ".zst")


@dataclass(frozen=True, slots=True)
class Format:
    """A file format.

    Args:
        count: counts the records without parsing them; None: they are counted by reading them.
        is_document: whether a file is one document, so that a folder of files makes a shard.
        columns: the columns of every file, where the format sets them.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Reader
    count: Callable[[Path], int] | None = None
    is_document: bool = False
    columns: tuple[str, ...] = ()


def _with_compressions(*suffixes: str) -> tuple[str, ...]:
    return tuple(suffix + compression for suffix in suffixes for compression in COMPRESSIONS)


FORMATS = (
    Format("JSON lines", _with_compressions(".jsonl", ".ndjson", ".json-lines"), read_json_lines, count_lines),
    Format("JSON", _with_compressions(".json"), read_json),
    Format("Parquet", (".parquet", ".pq"), read_parquet, count_parquet),
    Format("CSV", _with_compressions(".csv", ".tsv"), read_delimited),
    Format("WARC", _with_compressions(".warc", ".wet"), read_archive, count_archive, columns=("text",)),
    Format("text", (".txt", ".text", ".md", ".markdown"), read_text, is_document=True),
)


def find_suffix(path: Path) -> str:
    """Return the ending that names the format, for example `.jsonl.gz`; empty if no format has it."""
    name = path.name.lower()
    endings = (suffix for form in FORMATS for suffix in form.suffixes if name.endswith(suffix))
    return max(endings, key=len, default="")


def find_format(path: Path) -> Format | None:
    """Return the format that a file's name ends in, or None."""
    suffix = find_suffix(path)
    return next((form for form in FORMATS if suffix in form.suffixes), None)


def get_format(path: Path) -> Format:
    """Return the format of a file; CorpusError if its name ends in no known suffix."""
    form = find_format(path)
    if form is None:
        raise CorpusError(f"{path} is of no known format. Readable endings are {list_suffixes()}.")
    return form


def list_suffixes() -> str:
    """Return the readable endings for messages."""
    return ", ".join(form.suffixes[0] for form in FORMATS) + " (also .gz and .zst where it is usual)"


def count_records(path: Path, max_bytes: int) -> int:
    """Count the records of a file of a known format, those before any damage."""
    form = get_format(path)
    if form.count is not None:
        return form.count(path)
    entries = form.read(path, 0, None, max_bytes)
    return max((entry.position for entry in entries if not is_damage(entry)), default=0)
