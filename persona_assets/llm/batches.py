"""Asking a model through its provider's batch interface: gather, submit, leave, poll, collect.

A request that is asked waits until nothing new has been asked for a moment, or a batch is full. What is under way is
noted in the ledger (`batch_table`), so a run that was stopped leaves its batches to the next one, which waits for
them in place of asking again.
"""

import asyncio
import gc
import logging
import uuid
from collections.abc import Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from persona_assets.errors import BatchPendingError, ModelError, PersonaAssetsError
from persona_assets.llm.batch_api import BatchApi, BatchState, UnknownBatchError
from persona_assets.llm.batch_files import Collected, Waiter, collect_batch, cut_files
from persona_assets.llm.batch_table import BatchTable, Flight, OpenBatch
from persona_assets.llm.dialect import Call
from persona_assets.llm.entries import describe_request
from persona_assets.llm.ledger import Ledger
from persona_assets.llm.ledger_table import Entry
from persona_assets.llm.provider_errors import TransientError, read_error
from persona_assets.llm.request import ChatRequest
from persona_assets.llm.usage import Usage
from persona_assets.settings import BatchSettings, ModelSettings

_QUIET_SECONDS = 2.0
"""Seconds without a new request after which a batch is submitted."""

_LOST_SECONDS = 600.0
"""Seconds after which a batch that was noted and is not at the provider is taken for one that was never submitted."""

_CLOSING_SECONDS = 0.05

_log = logging.getLogger(__name__)


class Batcher:
    """Asks one model by batches, on behalf of one client and within its event loop.

    Args:
        first_wait: seconds before the second attempt at a call of the interface.

    Raises:
        ModelError: if the provider has no batch interface that can be used.
    """

    def __init__(
        self, settings: ModelSettings, batches: BatchSettings, ledger: Ledger, usage: Usage, first_wait: float = 1.0
    ) -> None:
        self._settings = settings
        self._api_base = settings.api_base or ""
        self._batches = batches
        self._ledger = ledger
        self._table = BatchTable(ledger.engine)
        self._api = BatchApi(settings, first_wait)
        self._usage = usage
        self._most = batches.max_requests
        self._gathered: dict[Flight, Waiter] = {}
        self._watched: dict[str, dict[Flight, Waiter]] = {}
        self._owner: dict[Flight, OpenBatch] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._adoption: asyncio.Task[None] | None = None
        self._gathering: asyncio.Task[None] | None = None
        self._waiting: set[Waiter] = set()
        self._submitting = 0
        self._overdue: set[str] = set()
        self._running: set[str] = set()
        self._problem: PersonaAssetsError | None = None

    async def answer(self, request: ChatRequest, key: str, call: Call) -> Entry:
        """Get the answer to a request from a batch; one key is asked for once at a time.

        Raises:
            PassingError: when it was not answered and may be asked again, for example when the batch expired.
            RefusedError: when this request gets no answer.
            NotTakenError: when the provider does not take something of the call.
            BatchPendingError: when the run does not wait any longer.
            ModelError: when no request would be answered.
        """
        if self._adoption is None:
            self._adoption = asyncio.ensure_future(self._adopt())
        await asyncio.shield(self._adoption)
        waiter = Waiter(request, key, call, asyncio.get_running_loop().create_future())
        self._waiting.add(waiter)
        try:
            self._place(waiter)
            return await waiter.landing
        finally:
            self._waiting.discard(waiter)

    async def close(self) -> None:
        """Leave: what is submitted stays under way, for the next run."""
        tasks = [*self._tasks, *([self._adoption] if self._adoption else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # The interface's HTTP clients close themselves when they are collected, which needs this event loop.
        gc.collect()
        await asyncio.sleep(_CLOSING_SECONDS)

    async def _adopt(self) -> None:
        for batch in await asyncio.to_thread(self._table.list_open):
            if batch.model == self._settings.name and batch.nonce not in self._watched:
                asked = await asyncio.to_thread(self._table.read_requests, batch.nonce)
                self._owner |= {(each.key, each.max_tokens): batch for each in asked}
                if batch.api_base == self._api_base:
                    _log.info("%s: waiting for batch %s, submitted before.", batch.model, batch.batch_id)
                    self._watched[batch.nonce] = {}
                    self._start(self._follow(batch))

    def _place(self, waiter: Waiter) -> None:
        if self._problem:
            waiter.landing.set_exception(self._problem)
            return
        owner = self._owner.get(waiter.flight)
        if owner is None:
            self._gather(waiter)
        elif owner.nonce in self._watched:
            self._watched[owner.nonce][waiter.flight] = waiter
        else:
            waiter.landing.set_exception(_say_foreign(owner))

    def _gather(self, waiter: Waiter) -> None:
        self._gathered[waiter.flight] = waiter
        if len(self._gathered) >= self._most:
            self._submit_gathered()
        elif self._gathering is None or self._gathering.done():
            self._gathering = self._start(self._wait_for_quiet())

    async def _wait_for_quiet(self) -> None:
        before: set[Flight] = set()
        while self._gathered and self._gathered.keys() != before:
            before = set(self._gathered)
            await asyncio.sleep(_QUIET_SECONDS)
        self._submit_gathered()

    def _submit_gathered(self) -> None:
        waiters, self._gathered = list(self._gathered.values()), {}
        if waiters:
            self._submitting += 1
            self._start(self._submit(waiters))

    async def _submit(self, waiters: Sequence[Waiter]) -> None:
        lines = await asyncio.to_thread(lambda: [(waiter, waiter.write_line()) for waiter in waiters])
        for part in cut_files(lines):
            await self._submit_part(part)
        self._submitting -= 1

    async def _submit_part(self, lines: Mapping[Waiter, bytes]) -> None:
        nonce = uuid.uuid4().hex
        asked = [describe_request(waiter.request, waiter.key, waiter.call) for waiter in lines]
        taken = await asyncio.to_thread(self._table.reserve, nonce, self._api_base, asked)
        mine = {waiter.flight: waiter for waiter in lines if waiter.flight in taken}
        if mine:
            batch = OpenBatch(nonce, None, self._settings.name, self._api_base, datetime.now(UTC), len(mine))
            self._watched[nonce] = mine
            self._owner |= dict.fromkeys(mine, batch)
            self._submitting += 1
            self._start(self._follow(batch, b"".join(lines[waiter] for waiter in mine.values())))
        others = [waiter for waiter in lines if waiter.flight not in taken]
        if others:
            # Another process submitted them since this one looked, or has their answers already.
            await self._adopt()
            for waiter in others:
                await self._find_or_place(waiter)

    async def _find_or_place(self, waiter: Waiter) -> None:
        found = None if waiter.flight in self._owner else await self._ledger.find(*waiter.flight)
        if found is None:
            self._place(waiter)
        elif not waiter.landing.done():
            waiter.landing.set_result(found)

    async def _follow(self, batch: OpenBatch, content: bytes | None = None) -> None:
        """See a batch through, from where it is to its end."""
        is_alone = not self._running
        self._running.add(batch.nonce)
        batch_id = await self._name(batch, content)
        try:
            state = await self._wait_for_end(batch, batch_id) if batch_id else None
            if state is None:
                self._release(batch, Collected())
            elif state.status == "ended":
                self._release(batch, await collect_batch(self._api, self._table, batch.nonce, state))
            else:
                await self._give_back(batch, state, is_alone)
        except UnknownBatchError as error:
            open_now = await asyncio.to_thread(self._table.list_open)
            if any(each.nonce == batch.nonce for each in open_now):
                raise _say_unknown(batch, batch_id, error) from None
            # Another process collected it, and has removed its files.
            await self._place_again(batch)

    async def _name(self, batch: OpenBatch, content: bytes | None) -> str | None:
        if batch.batch_id is not None:
            return batch.batch_id
        if content is None:
            return await self._find_lost(batch)
        try:
            input_file = await self._api.upload(batch.nonce, content)
        except BaseException:
            # Nothing is under way that anybody would have to wait for.
            self._table.strike(batch.nonce)
            raise
        batch_id = await self._api.create(batch.nonce, input_file)
        await asyncio.to_thread(self._table.open, batch.nonce, batch_id)
        self._submitting -= 1
        _log.info("%s: batch %s of %d requests submitted.", batch.model, batch_id, batch.requests)
        return batch_id

    async def _find_lost(self, batch: OpenBatch) -> str | None:
        """Find the provider's name of a batch whose maker did not note it; it may still be about to."""
        while True:
            batch_id = await self._api.find(batch.nonce)
            if batch_id is not None:
                await asyncio.to_thread(self._table.open, batch.nonce, batch_id)
                return batch_id
            if (datetime.now(UTC) - batch.created_at).total_seconds() > _LOST_SECONDS:
                await asyncio.to_thread(self._table.strike, batch.nonce)
                return None
            _log.info("%s: a batch that was just being submitted is looked for.", batch.model)
            await asyncio.sleep(min(self._batches.poll_seconds, _LOST_SECONDS))

    async def _wait_for_end(self, batch: OpenBatch, batch_id: str) -> BatchState:
        loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        most = self._batches.max_wait_minutes
        while True:
            state = await self._api.look(batch_id)
            self._usage.note_batch(batch.nonce, state.total - state.done if state.status == "open" else 0)
            if state.status != "open":
                self._running.discard(batch.nonce)
                return state
            if most is not None and loop.time() - began >= 60 * most and self._may_leave(batch):
                raise BatchPendingError(
                    f"Batch {batch_id} of {batch.requests:,} requests to {batch.model} is under way at its provider"
                    f" ({state.done:,} done), and batch.max_wait_minutes = {most:g} are over. Run again later: it is"
                    " collected then, and paid for once. `persona-assets batches` says how far it is."
                )
            await asyncio.sleep(self._batches.poll_seconds)

    def _may_leave(self, batch: OpenBatch) -> bool:
        """Whether everything that was asked is submitted, and nothing of it is worth waiting for."""
        self._overdue.add(batch.nonce)
        return not (self._gathered or self._submitting) and self._watched.keys() <= self._overdue

    async def _give_back(self, batch: OpenBatch, state: BatchState, is_alone: bool) -> None:
        await asyncio.to_thread(self._table.strike, batch.nonce)
        if not state.is_too_much or (batch.requests == 1 and is_alone):
            raise ModelError(
                f"The provider of {batch.model} refuses a batch of {batch.requests:,} requests: {state.detail}."
                " Correct what it names, or set batch.enabled to false, then run again."
            )
        if is_alone:
            self._most = max(1, min(self._most, batch.requests // 2))
        # Beside others it is only early: it is submitted again until they make room.
        _log.warning("%s: too many requests wait there; batches of %d now. %s", batch.model, self._most, state.detail)
        await asyncio.sleep(self._batches.poll_seconds)
        await self._place_again(batch)

    async def _place_again(self, batch: OpenBatch) -> None:
        for waiter in self._forget(batch):
            await self._find_or_place(waiter)

    def _release(self, batch: OpenBatch, collected: Collected) -> None:
        """Tell those who wait for a batch what came of it; who got nothing is asked again."""
        for waiter in self._forget(batch):
            flight = waiter.flight
            if waiter.landing.done():
                continue
            if flight in collected.entries:
                waiter.landing.set_result(collected.entries[flight])
            elif flight in collected.problems:
                problem = collected.problems[flight]
                waiter.landing.set_exception(read_error(problem, self._settings.name, self._settings, waiter.call))
            else:
                waiter.landing.set_exception(TransientError("the batch holds no answer to this request"))

    def _forget(self, batch: OpenBatch) -> list[Waiter]:
        self._running.discard(batch.nonce)
        for flight in [flight for flight, owner in self._owner.items() if owner.nonce == batch.nonce]:
            del self._owner[flight]
        self._usage.note_batch(batch.nonce, 0)
        return list(self._watched.pop(batch.nonce).values())

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish)
        return task

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if not isinstance(error, PersonaAssetsError):
            noted = "What was submitted in batches is noted in the ledger: run again."
            error = ModelError(f"An error that should not happen: {error!r}. {noted}")
        self._problem = self._problem or error
        for waiter in self._waiting:
            if not waiter.landing.done():
                waiter.landing.set_exception(self._problem)


def _say_foreign(batch: OpenBatch) -> ModelError:
    name = batch.batch_id or batch.nonce
    return ModelError(
        f"A request to {batch.model} is in batch {name}, which was submitted through"
        f" {batch.api_base or 'the address that the provider has by default'}, and model.api_base names another. Change"
        f" it back until the batch is collected; `persona-assets batches --forget {name}` has its requests asked, and"
        " paid for, again."
    )


def _say_unknown(batch: OpenBatch, batch_id: str | None, error: UnknownBatchError) -> ModelError:
    return ModelError(
        f"Batch {batch_id} of {batch.requests:,} requests to {batch.model} is not known to its provider: {error}. If"
        " the account or model.api_base changed, change it back until the batch is collected; `persona-assets batches"
        f" --forget {batch_id}` has its requests asked, and paid for, again."
    )
