"""The tables that the ledger lies in, and how rows enter and leave them, in SQLite and in PostgreSQL."""

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from persona_assets.errors import ModelError

NO_LIMIT = 2**31 - 1
"""The limit of a reply that nothing but the model limits: the largest number of an integer column."""

_KEYS_AT_ONCE = 500
_WINDOW, _MEMORY = 13, 5
_COUNTS = ("calls", "hits", "prompt_tokens", "completion_tokens", "cost", "unpriced")

METADATA = sa.MetaData()
"""All tables of the ledger's database."""

RESPONSES = sa.Table(
    "responses",
    METADATA,
    sa.Column("key", sa.LargeBinary(32), primary_key=True),
    sa.Column("cut_at", sa.Integer, primary_key=True, comment="token limit that cut the reply; 0: it is whole"),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("task", sa.String, nullable=False),
    sa.Column("shard", sa.String, nullable=False),
    sa.Column("prompt_hash", sa.String, nullable=False),
    sa.Column("parameters", sa.String, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False, comment="the raw response, zlib of JSON"),
    sa.Column("prompt_tokens", sa.Integer, nullable=False),
    sa.Column("completion_tokens", sa.Integer, nullable=False),
    sa.Column("cost", sa.Float, comment="US dollars; NULL: the price is unknown"),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("origin_id", sa.String, nullable=False, server_default="", comment="the row that it was asked about"),
)
COST_SUMS = (
    sa.func.coalesce(sa.func.sum(RESPONSES.c.cost), 0.0),
    sa.func.count() - sa.func.count(RESPONSES.c.cost),
)
"""Over responses: US dollars as far as prices are known, and calls whose price is unknown."""

_COPIED = [column.name for column in RESPONSES.columns if column.name not in {"key", "body", "created_at"}]
"""Columns that an entry has just as they are."""

SPENDING = sa.Table(
    "spending",
    METADATA,
    sa.Column("model", sa.String, primary_key=True),
    sa.Column("task", sa.String, primary_key=True),
    sa.Column("calls", sa.BigInteger, nullable=False, comment="responses ever paid for, pruned ones too"),
    sa.Column("hits", sa.BigInteger, nullable=False, comment="requests answered without sending anything"),
    sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
    sa.Column("completion_tokens", sa.BigInteger, nullable=False),
    sa.Column("cost", sa.Float, nullable=False, comment="US dollars, as far as prices are known"),
    sa.Column("unpriced", sa.BigInteger, nullable=False, comment="calls whose price is unknown"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored response.

    Attributes:
        key: hash of the request, 64 hexadecimal digits.
        cut_at: the token limit that cut the reply off, 0 when it is whole.
        parameters: as JSON: temperature, top_p, max_tokens, seed, sample, response_format where JSON was asked for,
            left_out where the server does not take one of them.
        cost: US dollars, None when the price is unknown.
        origin_id: id of the row that it was asked about; empty where an older version stored it.
    """

    key: str
    cut_at: int
    model: str
    task: str
    shard: str
    prompt_hash: str
    parameters: str
    response: dict[str, Any]
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    created_at: datetime
    origin_id: str = ""


@dataclass(frozen=True, slots=True)
class Spend:
    """What was ever spent: US dollars as far as prices are known, and calls whose price is unknown."""

    cost: float
    unpriced: int


def connect(url: str | sa.URL) -> sa.Engine:
    """Open the database and make the tables that are not there; ModelError if it cannot be opened."""
    try:
        engine = sa.create_engine(url, pool_pre_ping=True)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", _make_durable)
        _make_tables(engine)
        _add_missing_columns(engine)
        with engine.begin() as connection:
            _count_earlier(connection)
    except ImportError as error:
        raise ModelError(f'ledger.url: {error}. Install it: pip install "persona-assets[postgres]".') from None
    except sa.exc.SQLAlchemyError as error:
        raise ModelError(
            f"ledger.url: the ledger cannot be opened ({first_line(error)}). Correct the URL or path, or start the"
            " database."
        ) from None
    return engine


def _make_tables(engine: sa.Engine) -> None:
    # Of two processes that make a table at the same moment one fails: it finds that table there the next time.
    for _ in METADATA.tables:
        with suppress(sa.exc.OperationalError, sa.exc.ProgrammingError, sa.exc.IntegrityError):
            METADATA.create_all(engine)
            return
    METADATA.create_all(engine)


def _add_missing_columns(engine: sa.Engine) -> None:
    """Add what joined a table after it was made; what an older version stored has the column's default."""
    inspector = sa.inspect(engine)
    for table in METADATA.sorted_tables:
        there = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name in there:
                continue
            kind = column.type.compile(engine.dialect)
            statement = f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind} NOT NULL DEFAULT ''"
            # Another process may add it at the same moment.
            with suppress(sa.exc.OperationalError, sa.exc.ProgrammingError), engine.begin() as connection:
                connection.exec_driver_sql(statement)


def _make_durable(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA busy_timeout = 60000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def insert_values(connection: sa.Connection, values: Sequence[dict[str, Any]]) -> bool:
    """Insert what `to_values` made, and touch nothing that is there; says whether none of it was."""
    # In the order of the keys, so that two processes never wait for each other's rows.
    return insert_ignoring(connection, RESPONSES, sorted(values, key=lambda row: row["key"])) == len(values)


def insert_ignoring(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> int:
    """Insert rows; those whose key is there stay as they are."""
    if not rows:
        return 0
    return connection.execute(_insert(connection, table).on_conflict_do_nothing(), rows).rowcount


def add_spending(
    connection: sa.Connection, values: Sequence[dict[str, Any]], hits: Mapping[tuple[str, str], int]
) -> None:
    """Count hits, and responses that were paid for (`to_values`), even if another process stored one first."""
    rows: defaultdict[tuple[str, str], dict[str, Any]] = defaultdict(lambda: dict.fromkeys(_COUNTS, 0))
    for name, count in hits.items():
        rows[name]["hits"] += count
    for row in values:
        counts = rows[row["model"], row["task"]]
        counts["calls"] += 1
        counts["prompt_tokens"] += row["prompt_tokens"]
        counts["completion_tokens"] += row["completion_tokens"]
        counts["cost"] += row["cost"] or 0.0
        counts["unpriced"] += row["cost"] is None
    if not rows:
        return
    statement = _insert(connection, SPENDING)
    added = {name: SPENDING.c[name] + statement.excluded[name] for name in _COUNTS}
    statement = statement.on_conflict_do_update(index_elements=["model", "task"], set_=added)
    connection.execute(statement, [{"model": name[0], "task": name[1], **rows[name]} for name in sorted(rows)])


def read_spend(connection: sa.Connection) -> Spend:
    """What was ever spent, over all runs."""
    columns = SPENDING.c
    sums = (sa.func.coalesce(sa.func.sum(column), 0) for column in (columns.cost, columns.unpriced))
    cost, unpriced = connection.execute(sa.select(*sums)).one()
    return Spend(float(cost), int(unpriced))


def _count_earlier(connection: sa.Connection) -> None:
    """Count what an older version stored, which kept no account of spending."""
    if connection.execute(sa.select(SPENDING.c.model).limit(1)).first():
        return
    columns = RESPONSES.c
    tokens = sa.func.sum(columns.prompt_tokens), sa.func.sum(columns.completion_tokens)
    counts = (sa.func.count(), sa.literal(0), *tokens, *COST_SUMS)
    stored = sa.select(columns.model, columns.task, *counts).group_by(columns.model, columns.task)
    # A process that counts at the same moment counts the same: the first has the say.
    counted = _insert(connection, SPENDING).from_select(["model", "task", *_COUNTS], stored)
    connection.execute(counted.on_conflict_do_nothing())


def _insert(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def select_entries(connection: sa.Connection, keys: Sequence[str]) -> dict[str, list[Entry]]:
    """Read all entries of some keys."""
    found: dict[str, list[Entry]] = {}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        wanted = [bytes.fromhex(key) for key in keys[start : start + _KEYS_AT_ONCE]]
        for row in connection.execute(sa.select(RESPONSES).where(RESPONSES.c.key.in_(wanted))):
            found.setdefault(row.key.hex(), []).append(to_entry(row))
    return found


def to_values(entry: Entry) -> dict[str, Any]:
    """The columns of an entry."""
    # ASCII, because a response can hold half a surrogate pair, which UTF-8 cannot.
    body = _compress(json.dumps(entry.response).encode())
    changed = {"key": bytes.fromhex(entry.key), "body": body, "created_at": entry.created_at}
    return changed | copy_fields(entry, _COPIED)


def _compress(content: bytes) -> bytes:
    # A response is small: zlib's largest window would take longer to clear than the response to compress.
    compressor = zlib.compressobj(wbits=_WINDOW, memLevel=_MEMORY)
    return compressor.compress(content) + compressor.flush()


def to_entry(row: sa.Row[Any]) -> Entry:
    """An entry from its columns; ModelError if the response is damaged."""
    copied = copy_fields(row, _COPIED)
    return Entry(key=row.key.hex(), response=_read_body(row), created_at=read_utc(row.created_at), **copied)


def copy_fields(source: Any, names: Iterable[str]) -> dict[str, Any]:
    """Copy some of an object's fields, by their names."""
    return {name: getattr(source, name) for name in names}


def read_utc(moment: datetime) -> datetime:
    """A moment as the database gives it back: SQLite without its zone, PostgreSQL in the zone of the session."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read_body(row: sa.Row[Any]) -> dict[str, Any]:
    try:
        return json.loads(zlib.decompress(row.body))  # type: ignore[no-any-return]
    except (zlib.error, ValueError, TypeError) as error:
        raise ModelError(
            f"The ledger's response {row.key.hex()} is damaged ({error}). Restore the ledger from a copy, or delete"
            " this row of the table responses to have it asked again."
        ) from None


def first_line(error: Exception) -> str:
    """What a database says went wrong, without the statement."""
    return str(error).strip().split("\n")[0].rstrip(".")
