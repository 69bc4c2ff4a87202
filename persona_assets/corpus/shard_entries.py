"""The raw records of one shard, file after file, with the errors that end it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from persona_assets.corpus.entries import BadRecord, Record
from persona_assets.corpus.readers import get_format
from persona_assets.corpus.shards import CorpusShard
from persona_assets.errors import CorpusError

UNREADABLE = frozenset({"file_corrupt", "invalid_json", "invalid_csv", "bad_encoding", "bad_value"})
COLUMN_PATIENCE = 100
"""Records without the column after which a file is taken not to have it."""


def iterate_shard(
    shard: CorpusShard, columns: tuple[str, ...], max_bytes: int
) -> Iterator[tuple[str, Record | BadRecord]]:
    """Yield every record of a shard, good or bad, with its source `FILE:POSITION`.

    Raises:
        CorpusError: if a file has none of the columns, or nothing of the whole shard could be read.
    """
    readable, first_bad = 0, None
    for path, name in zip(shard.files, shard.names, strict=True):
        for entry in _iterate_file(shard, path, columns, max_bytes):
            if isinstance(entry, Record):
                readable += 1
            elif entry.reason in UNREADABLE and first_bad is None:
                first_bad = f"{path}, record {entry.position}: {entry.reason} ({entry.detail})"
            yield f"{name}:{entry.position}", entry
    if first_bad and not readable:
        raise CorpusError(
            f"Nothing of shard {shard.key} could be read. The first fault: {first_bad}. "
            f"Repair or replace the file, or take it out of the corpus folder."
        )


def _iterate_file(
    shard: CorpusShard, path: Path, columns: tuple[str, ...], max_bytes: int
) -> Iterator[Record | BadRecord]:
    found, unfit, names, empty = False, 0, dict[str, None](), True
    for entry in get_format(path).read(path, shard.start, shard.stop, max_bytes):
        empty = False
        if isinstance(entry, Record) and not found:
            found = any(column in entry.fields for column in columns)
            unfit += 1
            names |= dict.fromkeys(entry.fields)
            if not found and unfit >= COLUMN_PATIENCE:
                raise _describe_missing(path, columns, names)
        yield entry
    if unfit and not found and shard.is_whole_file:
        raise _describe_missing(path, columns, names)
    if empty and shard.start == 0:
        yield BadRecord(1, "empty", "the file holds no records")


def _describe_missing(path: Path, columns: Iterable[str], names: Iterable[str]) -> CorpusError:
    return CorpusError(
        f"{path} has no column {' or '.join(map(repr, columns))}; "
        f"it has {', '.join(map(repr, names)) or 'none'}. Rename the column that holds the text, "
        f"or take the file out of the corpus folder."
    )
