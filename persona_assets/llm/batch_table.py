"""The batches that are under way at providers, durable beside the responses that they will become.

A batch is noted before it is submitted, with every request in it, so that whoever comes after a crash finds it and
asks for nothing twice; it is struck out in the transaction that stores its responses.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from persona_assets.errors import ModelError
from persona_assets.llm.entries import Asked
from persona_assets.llm.ledger_table import (
    METADATA,
    RESPONSES,
    Entry,
    add_spending,
    copy_fields,
    first_line,
    insert_ignoring,
    insert_values,
    read_utc,
    select_entries,
    to_values,
)

_ROWS_AT_ONCE = 500

BATCHES = sa.Table(
    "batches",
    METADATA,
    sa.Column("nonce", sa.String(32), primary_key=True, comment="our name of it, which the provider keeps with it"),
    sa.Column("batch_id", sa.String, comment="the provider's name of it; NULL until it is known"),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("api_base", sa.String, nullable=False, comment="where it was submitted; empty: the provider's own"),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
)
BATCH_REQUESTS = sa.Table(
    "batch_requests",
    METADATA,
    # A request is in one batch at a time, whoever submits it.
    sa.Column("key", sa.LargeBinary(32), primary_key=True),
    sa.Column("max_tokens", sa.Integer, primary_key=True),
    sa.Column("nonce", sa.String(32), nullable=False, index=True),
    sa.Column("task", sa.String, nullable=False),
    sa.Column("shard", sa.String, nullable=False),
    sa.Column("prompt_hash", sa.String, nullable=False),
    sa.Column("parameters", sa.String, nullable=False),
    sa.Column("origin_id", sa.String, nullable=False, server_default=""),
)

_COPIED = ("max_tokens", "task", "shard", "prompt_hash", "parameters", "origin_id")
"""Columns of a request that `Asked` has just as they are."""

Flight = tuple[str, int]
"""A request on its way: its key and its token limit."""


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch that was submitted, or is about to be.

    Attributes:
        nonce: our name of it.
        batch_id: the provider's name of it; None until it is known.
        api_base: empty for the provider's own address.
    """

    nonce: str
    batch_id: str | None
    model: str
    api_base: str
    created_at: datetime
    requests: int


class BatchTable:
    """The batches under way, in the ledger's database; every method raises ModelError if that fails."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def reserve(self, nonce: str, api_base: str, asked: Sequence[Asked]) -> set[Flight]:
        """Note a batch that is about to be submitted, and say which requests are in it.

        What another batch holds stays there, and what the ledger holds by now is not asked again. The batch is not
        noted if none is left.
        """
        rows = [
            {"key": bytes.fromhex(each.key), "nonce": nonce, **copy_fields(each, _COPIED)}
            # In the order of the keys, so that two processes never wait for each other's rows.
            for each in sorted(asked, key=lambda each: (each.key, each.max_tokens))
        ]
        with self._begin() as connection:
            insert_ignoring(connection, BATCH_REQUESTS, rows)
            # Only now: whoever strikes a batch out stores its responses in the same transaction.
            _remove_answered(connection, nonce)
            columns = BATCH_REQUESTS.c
            found = sa.select(columns.key, columns.max_tokens).where(columns.nonce == nonce)
            taken = {(row.key.hex(), row.max_tokens) for row in connection.execute(found)}
            if taken:
                values = {"nonce": nonce, "batch_id": None, "model": asked[0].model, "api_base": api_base}
                connection.execute(sa.insert(BATCHES), {**values, "created_at": datetime.now(UTC)})
        return taken

    def open(self, nonce: str, batch_id: str) -> None:
        """Note the provider's name of a batch."""
        with self._begin() as connection:
            connection.execute(sa.update(BATCHES).where(BATCHES.c.nonce == nonce).values(batch_id=batch_id))

    def list_open(self) -> list[OpenBatch]:
        """All batches under way, the oldest first."""
        columns, of = BATCHES.c, BATCH_REQUESTS.c
        counted = sa.select(sa.func.count()).where(of.nonce == columns.nonce).scalar_subquery()
        with self._begin() as connection:
            rows = connection.execute(sa.select(BATCHES, counted).order_by(columns.created_at, columns.nonce)).all()
        return [
            OpenBatch(row.nonce, row.batch_id, row.model, row.api_base, read_utc(row.created_at), row[-1])
            for row in rows
        ]

    def read_requests(self, nonce: str) -> list[Asked]:
        """The requests of a batch; none if it is struck out."""
        columns = BATCH_REQUESTS.c
        joined = sa.select(BATCH_REQUESTS, BATCHES.c.model).join(BATCHES, BATCHES.c.nonce == columns.nonce)
        with self._begin() as connection:
            rows = connection.execute(joined.where(columns.nonce == nonce)).all()
        return [Asked(key=row.key.hex(), model=row.model, **copy_fields(row, _COPIED)) for row in rows]

    def strike(self, nonce: str, entries: Sequence[Entry] = ()) -> list[Entry]:
        """Strike a batch out and store what came of it, in one transaction; gives what the ledger holds for it.

        Whoever stored a response first has the say, and has counted it.
        """
        values = [to_values(entry) for entry in entries]
        with self._begin() as connection:
            was_there = connection.execute(sa.delete(BATCHES).where(BATCHES.c.nonce == nonce)).rowcount
            connection.execute(sa.delete(BATCH_REQUESTS).where(BATCH_REQUESTS.c.nonce == nonce))
            parts = [values[start : start + _ROWS_AT_ONCE] for start in range(0, len(values), _ROWS_AT_ONCE)]
            # All of them: a part that is not new stops no other.
            are_new = [insert_values(connection, part) for part in parts]
            if was_there:
                add_spending(connection, values, {})
            if all(are_new):
                return list(entries)
            held = select_entries(connection, sorted({entry.key for entry in entries}))
        return [next(one for one in held[entry.key] if one.cut_at == entry.cut_at) for entry in entries]

    @contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as error:
            url = self._engine.url.render_as_string(hide_password=True)
            raise ModelError(
                f"The ledger ({url}) failed: {first_line(error)}. What was submitted to a provider is noted in it and"
                " will be collected. Free disk space or restore the database, then run again."
            ) from None


def _remove_answered(connection: sa.Connection, nonce: str) -> None:
    asked, held = BATCH_REQUESTS.c, RESPONSES.c
    is_enough = sa.or_(held.cut_at == 0, held.cut_at >= asked.max_tokens)
    answered = sa.exists().where(held.key == asked.key, is_enough)
    connection.execute(sa.delete(BATCH_REQUESTS).where(asked.nonce == nonce, answered))
