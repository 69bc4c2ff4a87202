"""Looking after the ledger: what it holds, what was spent, reading all of it, and removing a part."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from persona_assets.errors import ModelError
from persona_assets.llm.batch_table import BATCHES
from persona_assets.llm.ledger import LEDGER_FILE
from persona_assets.llm.ledger_lock import claim_ledger
from persona_assets.llm.ledger_table import (
    COST_SUMS,
    RESPONSES,
    SPENDING,
    Entry,
    connect,
    first_line,
    insert_ignoring,
    to_entry,
    to_values,
)

_PAGE = 500
V = TypeVar("V")
_NAMED = sa.Table(
    "named_responses", sa.MetaData(), sa.Column("key", sa.LargeBinary(32), primary_key=True), prefixes=["TEMPORARY"]
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which responses are meant; what is left out does not narrow it."""

    model: str | None = None
    asset: str | None = None
    before: datetime | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """The same as SQL conditions, all of which must hold."""
        columns = RESPONSES.c
        found: list[sa.ColumnElement[bool]] = []
        if self.model is not None:
            found.append(columns.model == self.model)
        if self.asset is not None:
            found.append(columns.task == self.asset)
        if self.before is not None:
            found.append(columns.created_at < self.before)
        return found


@dataclass(frozen=True, slots=True)
class Holding:
    """Stored responses of one model and asset.

    Attributes:
        size: bytes of the compressed responses.
        cost: US dollars that they cost, as far as prices are known.
    """

    model: str
    asset: str
    responses: int
    size: int
    cost: float
    unpriced: int


@dataclass(frozen=True, slots=True)
class Spending:
    """What one model was ever paid for one asset, over all runs, with what has been pruned since.

    Attributes:
        hits: requests answered from the ledger.
        cost: US dollars, as far as prices are known.
    """

    model: str
    asset: str
    calls: int
    hits: int
    prompt_tokens: int
    completion_tokens: int
    cost: float
    unpriced: int


class LedgerUpkeep:
    """The ledger for whoever looks after it, in short transactions; ModelError if it cannot be opened."""

    def __init__(self, url: str | sa.URL) -> None:
        self._engine = connect(url)

    @property
    def place(self) -> str:
        """Its URL without the password, or the path of its file."""
        url = self._engine.url
        is_file = url.get_backend_name() == "sqlite" and url.database
        return str(url.database) if is_file else url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def measure(self) -> int:
        """Bytes that the ledger takes on disk."""
        url = self._engine.url
        if url.get_backend_name() == "sqlite":
            files = (Path(f"{url.database}{end}") for end in ("", "-wal", "-shm"))
            return sum(path.stat().st_size for path in files if path.is_file())
        with self._engine.connect() as connection:
            tables = (RESPONSES.name, SPENDING.name)
            return sum(connection.scalar(sa.select(sa.func.pg_total_relation_size(name))) or 0 for name in tables)

    def add(self, entries: Sequence[Entry]) -> int:
        """Store responses that came from elsewhere; those that are there stay as they are."""
        with self._engine.begin() as connection:
            return insert_ignoring(connection, RESPONSES, [to_values(entry) for entry in entries])

    def list_spending(self) -> list[Spending]:
        """What was ever spent, by model and asset."""
        with self._engine.connect() as connection:
            statement = sa.select(SPENDING).order_by(SPENDING.c.model, SPENDING.c.task)
            return [Spending(*row) for row in connection.execute(statement)]

    def count_by_origin(self) -> list[tuple[str, str, str, str, int]]:
        """Count the stored responses by who asked first: shard, asset, model and version of the prompt."""
        columns = RESPONSES.c
        origin = (columns.shard, columns.task, columns.model, columns.prompt_hash)
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(*origin, sa.func.count()).group_by(*origin))
            return [(shard, asset, model, version, count) for shard, asset, model, version, count in rows]

    def list_holdings(self, selection: Selection, named: Iterable[bytes] | None = None) -> list[Holding]:
        """What is stored of a selection, by model and asset, without the keys of `named`, which is read once."""
        with self._engine.begin() as connection:
            conditions = [*selection.conditions(), *_leave_out(connection, named)]
            return _list_holdings(connection, conditions)

    def read_all(self, selection: Selection) -> Iterator[list[Entry]]:
        """Read a selection in the order of the keys, page by page; ModelError if a response is damaged."""
        place = (RESPONSES.c.key, RESPONSES.c.cut_at)
        last: tuple[Any, ...] | None = None
        while True:
            after = [] if last is None else [sa.tuple_(*place) > sa.tuple_(*map(sa.literal, last))]
            statement = sa.select(RESPONSES).where(*selection.conditions(), *after).order_by(*place).limit(_PAGE)
            # A transaction a page, so that an export of hours holds up neither runs nor the database's own upkeep.
            with self._engine.connect() as connection:
                rows = connection.execute(statement).all()
            if not rows:
                return
            yield [to_entry(row) for row in rows]
            last = (rows[-1].key, rows[-1].cut_at)

    def prune(self, selection: Selection, named: Iterable[bytes] | None = None) -> list[Holding]:
        """Remove a selection while no run uses the ledger; the account of spending stays.

        Args:
            named: keys of responses that stay; read once.

        Raises:
            ModelError: if a run uses the ledger, or the database fails; then nothing was removed.
        """
        with self._remove("look at `persona-assets ledger` and run the command again.") as connection:
            conditions = [*selection.conditions(), *_leave_out(connection, named)]
            removed = _list_holdings(connection, conditions)
            connection.execute(sa.delete(RESPONSES).where(*conditions))
        return removed

    def forget(self, keys: Iterable[bytes], origins: Iterable[str], asked: Iterable[tuple[str, str]]) -> int:
        """Remove all that was asked about some rows, chosen or not, while no run uses the ledger.

        Args:
            keys: of responses that rows were read from: an older version did not store what it asked about.
            asked: asset and id, where only what one asset asked about a row is meant.

        Raises:
            ModelError: if a run uses the ledger, a batch is under way, or the database fails.
        """
        columns = RESPONSES.c
        conditions = [
            *(columns.key.in_(part) for part in _chunk(keys)),
            *(columns.origin_id.in_(part) for part in _chunk(origins)),
            *(sa.tuple_(columns.task, columns.origin_id).in_(part) for part in _chunk(asked)),
        ]
        with self._remove("give the same command again: it goes on where it stopped.") as connection:
            _require_no_batch(connection)
            return sum(connection.execute(sa.delete(RESPONSES).where(condition)).rowcount for condition in conditions)

    @contextmanager
    def _remove(self, advice: str) -> Iterator[sa.Connection]:
        """Have the ledger alone for one transaction, and give its space back; `advice`: for a database that fails."""
        try:
            with claim_ledger(self._engine):
                with self._engine.begin() as connection:
                    yield connection
                self._shrink()
        except sa.exc.SQLAlchemyError as error:
            raise ModelError(
                f"The ledger ({self.place}) failed: {first_line(error)}. Free disk space or restore the database, then"
                f" {advice}"
            ) from None

    def _shrink(self) -> None:
        if self._engine.dialect.name != "sqlite":
            # PostgreSQL gives the space to later rows by itself.
            return
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def has_ledger(url: str | None, data: Path) -> bool:
    """Whether there is a ledger: behind a URL anything may be, that of the data folder comes with the first reply."""
    return url is not None or (data / LEDGER_FILE).is_file()


def open_upkeep(url: str | None, data: Path) -> LedgerUpkeep:
    """Open the ledger of the settings to look after it; ModelError if there is none, or it cannot be opened."""
    path = data / LEDGER_FILE
    if not has_ledger(url, data):
        raise ModelError(
            f"There is no ledger at {path} yet: `persona-assets run` makes it with the first response. If it lies"
            " elsewhere, correct paths.data or ledger.url."
        )
    return LedgerUpkeep(url or sa.URL.create("sqlite", database=str(path)))


def _chunk(values: Iterable[V]) -> Iterator[list[V]]:
    iterator = iter(values)
    while part := list(islice(iterator, _PAGE)):
        yield part


def _require_no_batch(connection: sa.Connection) -> None:
    if open_batches := connection.scalar(sa.select(sa.func.count()).select_from(BATCHES)):
        raise ModelError(
            f"{open_batches} batches are under way at a provider, and may bring back what is to be forgotten. Collect"
            " them first (persona-assets batches), or give them up (persona-assets batches --forget ID)."
        )


def _leave_out(connection: sa.Connection, named: Iterable[bytes] | None) -> list[sa.ColumnElement[bool]]:
    if named is None:
        return []
    # A temporary table of the database: millions of keys need not fit into memory.
    connection.execute(sa.text(f"DROP TABLE IF EXISTS {_NAMED.name}"))
    _NAMED.create(connection, checkfirst=False)
    for page in map(set, _chunk(named)):
        known = set(connection.scalars(sa.select(_NAMED.c.key).where(_NAMED.c.key.in_(page))))
        if page - known:
            connection.execute(sa.insert(_NAMED), [{"key": key} for key in sorted(page - known)])
    return [~sa.exists().where(_NAMED.c.key == RESPONSES.c.key)]


def _list_holdings(connection: sa.Connection, conditions: Iterable[sa.ColumnElement[bool]]) -> list[Holding]:
    groups = (RESPONSES.c.model, RESPONSES.c.task)
    size = sa.func.sum(sa.func.length(RESPONSES.c.body))
    statement = sa.select(*groups, sa.func.count(), size, *COST_SUMS)
    rows = connection.execute(statement.where(*conditions).group_by(*groups).order_by(*groups))
    return [Holding(*row) for row in rows]
