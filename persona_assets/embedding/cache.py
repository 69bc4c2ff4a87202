"""Vectors on disk, by model and text, so that no text is embedded twice and a run without news loads no model."""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from persona_assets.embedding.encoder import Encoder, TextEncoder, Vectors
from persona_assets.embedding.model_folder import is_static
from persona_assets.embedding.proposer import make_proposing
from persona_assets.errors import IndexUnavailableError
from persona_assets.settings import Settings

_BATCH = 1_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS models (identity TEXT PRIMARY KEY, dimension INTEGER NOT NULL) WITHOUT ROWID;
"""


class CachedEncoder:
    """An encoder that asks its model only for texts it never saw.

    Several processes may share the SQLite file, which is made when missing: writes are short transactions, and a
    vector written twice is the same.
    """

    def __init__(self, encoder: TextEncoder, path: Path) -> None:
        self._encoder = encoder
        self._path = path

    @property
    def identity(self) -> str:
        """Names the model and its content."""
        return self._encoder.identity

    @property
    def dimension(self) -> int:
        """Length of a vector; asks the model only when nothing of it is stored."""
        with self._connect() as connection:
            row = connection.execute("SELECT dimension FROM models WHERE identity = ?", (self.identity,)).fetchone()
            if row is None:
                row = (self._encoder.dimension,)
                _write(connection, "INSERT OR IGNORE INTO models VALUES (?, ?)", [(self.identity, row[0])])
        return int(row[0])

    def readable(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Tell which texts the model can judge."""
        return self._encoder.readable(texts)

    def encode(self, texts: Sequence[str], *, alone: bool = False) -> Vectors:
        """Turn texts into L2-normalised float32 vectors, one row a text; what is stored is not computed."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        keys = [self._key(text) for text in texts]
        with self._connect() as connection:
            missing = _read(connection, vectors, keys, range(len(keys)))
            for rows in _split(list({keys[row]: row for row in missing}.values())):
                fresh = self._encoder.encode([texts[row] for row in rows], alone=alone)
                pairs = [(keys[row], vector.tobytes()) for row, vector in zip(rows, fresh, strict=True)]
                _write(connection, "INSERT OR IGNORE INTO vectors VALUES (?, ?)", pairs)
            # Read again, for another process may have been first.
            _read(connection, vectors, keys, missing)
        return vectors

    def forget(self, texts: Sequence[str]) -> int:
        """Delete the stored vectors of some texts; returns how many there were."""
        if not self._path.is_file():
            return 0
        with self._connect() as connection:
            before = connection.total_changes
            _write(connection, "DELETE FROM vectors WHERE key = ?", [(self._key(text),) for text in texts])
            gone = connection.total_changes - before
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone

    def _key(self, text: str) -> bytes:
        return hashlib.blake2b(f"{self.identity}\0{text}".encode(), digest_size=16).digest()

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=600, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.executescript(_SCHEMA)
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise IndexUnavailableError(
                f"The stored vectors in {self._path} cannot be used ({error}). Free disk space or correct the rights; "
                "a damaged file can be deleted: its vectors are then computed again."
            ) from error


def make_encoder(settings: Settings) -> TextEncoder:
    """Make the project's encoder: the configured model behind the cache in the data folder.

    A static model is not cached: it computes a vector faster than it is read.
    """
    encoder = Encoder(settings.embedding, settings.data / "index" / "compiled")
    if is_static(settings.embedding.model):
        return encoder
    return CachedEncoder(encoder, settings.data / "index" / "vectors.sqlite")


def make_hub_encoder(settings: Settings, encoder: TextEncoder) -> TextEncoder:
    """Make the hub's encoder, which may propose pairs to the model; SettingsError if it cannot be distilled."""
    if settings.embedding.proposer == "none" or is_static(settings.embedding.model):
        return encoder
    return make_proposing(settings.embedding, encoder, settings.data / "index" / "static")


def _read(connection: sqlite3.Connection, vectors: Vectors, keys: Sequence[bytes], rows: Sequence[int]) -> list[int]:
    """Fill in the vectors of some rows; returns the rows of which none is stored."""
    missing = []
    for chunk in _split(rows):
        marks = ",".join("?" * len(chunk))
        query = f"SELECT key, vector FROM vectors WHERE key IN ({marks})"  # noqa: S608 - only question marks
        stored = dict(connection.execute(query, [keys[row] for row in chunk]))
        for row in chunk:
            if keys[row] in stored:
                vectors[row] = np.frombuffer(stored[keys[row]], dtype=np.float32)
            else:
                missing.append(row)
    return missing


def _write(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(statement, rows)
    connection.execute("COMMIT")


def _split(rows: Sequence[int]) -> Iterator[Sequence[int]]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
