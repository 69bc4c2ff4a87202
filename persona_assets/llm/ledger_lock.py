"""Who uses the ledger: runs share it, and what removes from it must have it alone.

The database itself holds both claims, so that the end of a process, however it comes, ends them.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from persona_assets.errors import ModelError
from persona_assets.llm.ledger_table import first_line

_POSTGRES_LOCK = 7_238_051_146
_WAIT_SECONDS = 600.0


def share_ledger(engine: sa.Engine) -> Callable[[], None]:
    """Say that the ledger is in use, and give what ends the claim (a second call changes nothing).

    Waits while something is removed from the ledger; ModelError if that takes longer than ten minutes, or the lock
    cannot be made.
    """
    try:
        if engine.dialect.name == "postgresql":
            connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(sa.select(sa.func.pg_advisory_lock_shared(_POSTGRES_LOCK)))
            # Detached, or its return to the pool would keep the session, and the claim with it.
            connection.detach()
            return partial(_release, connection)
        lock = _open_lock(engine, _WAIT_SECONDS)
        lock.execute("BEGIN")
        lock.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
        raise ModelError(
            f"The ledger ({engine.url.render_as_string(hide_password=True)}) cannot be opened for use:"
            f" {first_line(error)}. Wait until `persona-assets ledger prune` ends, or correct the folder's permissions."
        ) from None
    return lock.close


@contextmanager
def claim_ledger(engine: sa.Engine) -> Iterator[None]:
    """Have the ledger alone while the body runs; ModelError if a run uses it."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.detach()
            if not connection.execute(sa.select(sa.func.pg_try_advisory_lock(_POSTGRES_LOCK))).scalar():
                raise _refuse(engine)
            try:
                yield
            finally:
                _unlock(connection)
        return
    with closing(_open_lock(engine, 0.0)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise _refuse(engine) from error
        yield


def _release(connection: sa.Connection) -> None:
    with closing(connection):
        if not connection.closed:
            _unlock(connection)


def _unlock(connection: sa.Connection) -> None:
    # The server ends a closed session a little later, so the claim would outlast its close.
    with suppress(sa.exc.DBAPIError):
        connection.execute(sa.select(sa.func.pg_advisory_unlock_all()))


def _open_lock(engine: sa.Engine, wait: float) -> sqlite3.Connection:
    # A file of its own: a claim of the ledger's own file would keep its write-ahead log from ever being emptied.
    path = Path(f"{engine.url.database}.lock") if engine.url.database else ":memory:"
    return sqlite3.connect(path, timeout=wait, isolation_level=None, check_same_thread=False)


def _refuse(engine: sa.Engine) -> ModelError:
    return ModelError(
        f"The ledger ({engine.url.render_as_string(hide_password=True)}) is in use by a run, which may still need what"
        " would be removed. Nothing was removed: wait until it ends or stop it, then give the same command again."
    )
