"""The ledger: every response of a model, durable before anything reads it, and never paid for twice.

One table, keyed by the content of the request. A thread of its own gathers the reads and writes that are
waiting and serves them in one transaction, so that thousands of responses share a disk flush (group
commit) and the event loop never waits for the disk.
"""

import asyncio
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Self

import sqlalchemy as sa

from persona_assets.errors import ModelError
from persona_assets.llm.ledger_lock import share_ledger
from persona_assets.llm.ledger_table import (
    Entry,
    Spend,
    add_spending,
    connect,
    first_line,
    insert_values,
    read_spend,
    select_entries,
    to_values,
)

__all__ = ["Entry", "Ledger", "open_ledger"]

LEDGER_FILE = "ledger.sqlite"
"""Name of the SQLite ledger in the data folder."""

_BATCH = 500
_GATHER_SECONDS = 0.01
"""Seconds in which jobs are gathered: a transaction for one costs as much as for twenty, and nobody waits for the disk
with a slot in hand."""


@dataclass(frozen=True, slots=True)
class _Job:
    result: "asyncio.Future[Entry | None]"
    key: str
    max_tokens: int
    new: Entry | None = None

    def choose(self, entries: Sequence[Entry]) -> Entry | None:
        if self.new:
            return next(entry for entry in entries if entry.cut_at == self.new.cut_at)
        whole = next((entry for entry in entries if entry.cut_at == 0), None)
        long_enough = [entry for entry in entries if entry.cut_at >= self.max_tokens]
        # The shortest that will do: what this limit was answered with before, whatever was asked since.
        return whole or min(long_enough, key=lambda entry: entry.cut_at, default=None)


class Ledger:
    """The durable store of model responses, shared by all runs.

    Args:
        url: SQLAlchemy URL, for example `sqlite:////folder/ledger.sqlite` or `postgresql+psycopg://…`; ModelError if it
            cannot be opened.
    """

    def __init__(self, url: str | sa.URL) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self.spend = Spend(0.0, 0)
        """What all processes had spent at the last transaction of this one."""
        self.engine = connect(url)
        """The database, also for what else is noted in it."""
        self._release = share_ledger(self.engine)
        self._hits: Counter[tuple[str, str]] = Counter()
        self._thread = threading.Thread(target=self._serve, name="ledger", daemon=True)
        self._thread.start()

    @classmethod
    def at(cls, path: Path) -> Self:
        """Open or make the SQLite ledger at a path; ModelError if it cannot be opened."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModelError(f"paths.data: {path.parent} cannot be made ({error.strerror}). Correct it.") from None
        return cls(sa.URL.create("sqlite", database=str(path)))

    def close(self) -> None:
        """Serve what is waiting, then close; a second call changes nothing."""
        self._jobs.put(None)
        self._thread.join()
        self._release()
        self.engine.dispose()

    async def find(self, key: str, max_tokens: int) -> Entry | None:
        """Look a request up by its key and the limit that it would be sent with; None when it has to be sent.

        A reply that a token limit cut off counts only for the same or a smaller limit. ModelError if the database
        fails.
        """
        return await self._submit(_Job(asyncio.get_running_loop().create_future(), key, max_tokens))

    async def store(self, entry: Entry) -> Entry:
        """Store a response and, once it is on disk, give what the ledger holds for the request.

        Another process that stored one first has the say, so that every run reads the same answer. ModelError if the
        database fails, for example on a full disk.
        """
        job = _Job(asyncio.get_running_loop().create_future(), entry.key, 0, entry)
        return await self._submit(job) or entry

    def read(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Read responses by key, for lineage, the whole reply where there are several; ModelError if that fails."""
        try:
            with self.engine.connect() as connection:
                found = select_entries(connection, list(keys))
        except sa.exc.SQLAlchemyError as error:
            raise self._describe(error) from None
        return {key: min(entries, key=lambda entry: entry.cut_at) for key, entries in found.items()}

    def _submit(self, job: _Job) -> "asyncio.Future[Entry | None]":
        if not self._thread.is_alive():
            raise ModelError("The ledger was closed before this request was made.")
        self._jobs.put(job)
        return job.result

    def _serve(self) -> None:
        while jobs := self._gather():
            try:
                found = self._transact(jobs)
                # Only now, after the commit, does anybody hear of it.
                answers = [(job, job.choose(found.get(job.key, []))) for job in jobs]
            except Exception as error:  # noqa: BLE001 - the thread must live on, and whoever waits hear what happened
                problem = self._describe(error) if isinstance(error, sa.exc.SQLAlchemyError) else error
                _settle([(job, problem) for job in jobs])
                continue
            self._hits.update((answer.model, answer.task) for job, answer in answers if answer and not job.new)
            _settle(answers)
        # A statistic: what a full disk or a kill takes of it is not missed.
        with suppress(sa.exc.SQLAlchemyError), self.engine.begin() as connection:
            add_spending(connection, [], self._hits)

    def _transact(self, jobs: Sequence[_Job]) -> dict[str, list[Entry]]:
        values = [to_values(job.new) for job in jobs if job.new]
        with self.engine.begin() as connection:
            # What just went in need not be read back.
            are_new = insert_values(connection, values)
            keys = sorted({job.key for job in jobs if not (job.new and are_new)})
            found = select_entries(connection, keys) if keys else {}
            for job in jobs:
                if job.new and are_new and job.key not in keys:
                    found.setdefault(job.key, []).append(job.new)
            if values:
                # Hits wait for a transaction that writes anyway; a lookup alone needs no disk flush.
                add_spending(connection, values, self._hits)
            spend = read_spend(connection)
        self.spend = spend
        if values:
            self._hits.clear()
        return found

    def _gather(self) -> list[_Job]:
        """Wait for a job and take what else is waiting; an empty list ends the thread."""
        jobs: list[_Job] = []
        job = self._jobs.get()
        if job is not None:
            time.sleep(_GATHER_SECONDS)
        while job is not None:
            jobs.append(job)
            if len(jobs) >= _BATCH or self._jobs.empty():
                return jobs
            job = self._jobs.get()
        if jobs:
            self._jobs.put(None)
        return jobs

    def _describe(self, error: Exception) -> ModelError:
        return ModelError(
            f"The ledger ({self.engine.url.render_as_string(hide_password=True)}) failed: {first_line(error)}."
            " Nothing stored is lost. Free disk space or restore the database, then run again."
        )


def _settle(answers: Sequence[tuple[_Job, Entry | Exception | None]]) -> None:
    """Tell those who wait, in one call for each event loop: a call across threads costs a system call."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[tuple[_Job, Entry | Exception | None]]] = defaultdict(list)
    for job, answer in answers:
        by_loop[job.result.get_loop()].append((job, answer))
    for loop, told in by_loop.items():
        # A loop that was closed has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell, told)


def _tell(answers: Sequence[tuple[_Job, Entry | Exception | None]]) -> None:
    for job, answer in answers:
        if job.result.done():
            continue
        if isinstance(answer, Exception):
            job.result.set_exception(answer)
        else:
            job.result.set_result(answer)


def open_ledger(url: str | None, data: Path) -> Ledger:
    """Open the ledger of the settings: by URL, or SQLite in the data folder."""
    return Ledger(url) if url else Ledger.at(data / LEDGER_FILE)
