"""What discovery must know of a file, counted once and remembered while the file does not change."""

import json
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

from persona_assets.corpus.entries import Record
from persona_assets.corpus.readers import count_records, get_format
from persona_assets.streamed_file import write_whole

PEEK_RECORDS = 20


@dataclass(frozen=True, slots=True)
class FileFacts:
    """How many records of a file can be read, and the columns of the first ones."""

    records: int
    columns: tuple[str, ...]


@dataclass(slots=True)
class FactsCache:
    """The facts of files by path, size and time of change, in a JSON file that is replaced atomically.

    Args:
        path: the JSON file; None: nothing is remembered.
    """

    path: Path | None
    max_bytes: int
    _known: dict[str, FileFacts] = field(default_factory=dict)
    _used: dict[str, FileFacts] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | None, max_bytes: int) -> "FactsCache":
        """Open the cache; a missing or damaged one is empty, since everything in it can be counted again."""
        cache = cls(path, max_bytes)
        try:
            entries = json.loads(path.read_text("utf-8")) if path else {}
            for key, entry in entries.items():
                cache._known[key] = FileFacts(int(entry["records"]), tuple(map(str, entry["columns"])))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            cache._known.clear()
        return cache

    def look_up(self, file: Path) -> FileFacts:
        """Return the facts of a file, counted now if the file is new or has changed."""
        stat = file.stat()
        key = f"{file}|{stat.st_size}|{stat.st_mtime_ns}"
        facts = self._known.get(key) or gather_facts(file, self.max_bytes)
        self._used[key] = facts
        return facts

    def save(self) -> None:
        """Write what this discovery used, if anything changed."""
        if self.path is not None and self._used != self._known:
            write_whole(self.path, json.dumps({key: asdict(facts) for key, facts in self._used.items()}, indent=1))


def gather_facts(file: Path, max_bytes: int) -> FileFacts:
    """Count the records of a file, and read the columns of its first 20."""
    form = get_format(file)
    first = islice(form.read(file, 0, PEEK_RECORDS, max_bytes), 0 if form.columns else PEEK_RECORDS)
    columns = dict.fromkeys(name for entry in first if isinstance(entry, Record) for name in entry.fields)
    return FileFacts(count_records(file, max_bytes), form.columns or tuple(columns))
