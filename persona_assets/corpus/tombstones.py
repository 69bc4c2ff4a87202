"""Tombstones: what was forgotten on request, by hashes alone, so that it is not taken in again."""

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from persona_assets.corpus.cleaning import hash_words
from persona_assets.errors import CorpusError
from persona_assets.streamed_file import write_whole

TOMBSTONES_FILE = "tombstones.jsonl"

FORGOTTEN = ("forgotten", "removed by persona-assets forget")
"""Reason and detail of what is kept out."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One request to forget.

    Attributes:
        asked: hash of what was asked for.
        ids: ids of the rows that go, documents and personas among them.
        texts: hashes of the words of documents and personas.
        urls: hashes of the documents' addresses.
        is_done: whether all of it is gone; a request that was interrupted is taken up again.
    """

    asked: str
    ids: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class Tombstones:
    """All of them, looked up by what the corpus offers: ids, and the hashes that `Tombstone` has."""

    ids: Collection[str] = field(default_factory=frozenset)
    texts: Collection[str] = field(default_factory=frozenset)
    urls: Collection[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, tombstones: Iterable[Tombstone]) -> Self:
        """Put tombstones together."""
        every = list(tombstones)
        return cls(
            frozenset(one for stone in every for one in stone.ids),
            frozenset(one for stone in every for one in stone.texts),
            frozenset(one for stone in every for one in stone.urls),
        )

    def cover(self, text: str, url: str | None = None) -> bool:
        """Whether a text, or the page it comes from, was forgotten."""
        is_named = url is not None and bool(self.urls) and hash_name(url) in self.urls
        return is_named or (bool(self.texts) and hash_text(text) in self.texts)

    def cover_persona(self, persona: str, persona_id: str) -> bool:
        """Whether a persona was forgotten: by its id it is known in other punctuation, too."""
        return persona_id in self.ids or self.cover(persona)


def hash_name(name: str) -> str:
    """Hash an address or an id."""
    return hashlib.sha256(name.strip().encode()).hexdigest()


def hash_text(text: str) -> str:
    """Hash a text so that spacing and case make no other text of it."""
    return hash_words(text).hex()


def read_tombstones(data: Path) -> list[Tombstone]:
    """Read the tombstones of a data folder; CorpusError if that fails: what was forgotten would come back."""
    path = data / TOMBSTONES_FILE
    if not path.is_file():
        return []
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [
            Tombstone(row["asked"], tuple(row["ids"]), tuple(row["texts"]), tuple(row["urls"]), row["is_done"])
            for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(
            f"{path} cannot be read ({error}). It says what must not be taken in again: restore it from a copy."
        ) from None


def load_tombstones(data: Path) -> Tombstones:
    """Read the tombstones of a data folder, for looking up; fails as `read_tombstones` does."""
    return Tombstones.of(read_tombstones(data))


def put_tombstone(data: Path, stone: Tombstone) -> None:
    """Add a tombstone, in place of an earlier one for the same request."""
    others = [one for one in read_tombstones(data) if one.asked != stone.asked]
    write_whole(data / TOMBSTONES_FILE, "".join(json.dumps(asdict(one)) + "\n" for one in (*others, stone)))
