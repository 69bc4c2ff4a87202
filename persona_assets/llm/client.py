"""The client that every asset asks: ledger first, then the provider, bounded and with retries."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, NoReturn, TypeVar

from persona_assets.errors import ModelError
from persona_assets.llm import provider
from persona_assets.llm.batches import Batcher
from persona_assets.llm.budget import Budget
from persona_assets.llm.cost_bound import note_tokens
from persona_assets.llm.dialect import Call, find_dialect
from persona_assets.llm.entries import describe_request, make_entry, make_reply, read_limit
from persona_assets.llm.ledger import Entry, Ledger
from persona_assets.llm.provider_errors import (
    NotTakenError,
    OverloadedError,
    PassingError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from persona_assets.llm.rates import open_throttle
from persona_assets.llm.request import ChatRequest, RefusedError, Reply
from persona_assets.llm.usage import Usage
from persona_assets.settings import BatchSettings, BudgetSettings, ModelSettings, TaskSettings

_LONGEST_WAIT = 60.0
_REFUSALS_BEFORE_GIVING_UP = 5
_ATTEMPTS_AT_A_SILENT_SERVER = 3
_CANDIDATES = 64
"""Requests that one task may have at once, at most."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class ModelClient:
    """Asks a model on behalf of one asset and shard, within one event loop.

    Args:
        first_wait: seconds before the second attempt at a request; each further wait is twice as long.
        budget: what the run may spend; by default anything.
        batches: how the provider's batch interface is asked; by default it is not.
    """

    def __init__(
        self,
        settings: ModelSettings,
        ledger: Ledger,
        usage: Usage,
        first_wait: float = 1.0,
        budget: Budget | None = None,
        batches: BatchSettings | None = None,
    ) -> None:
        self.settings = settings
        self.names: tuple[str, ...] = (settings.name,)
        self.usage = usage
        self._ledger = ledger
        self._first_wait = first_wait
        self._budget = budget or Budget(BudgetSettings(), ledger)
        self._throttle = open_throttle(settings)
        self._batcher = Batcher(settings, batches, ledger, usage, first_wait) if batches else None
        self.window = 2 * batches.max_requests if batches else 4 * settings.max_concurrency
        """Tasks that may wait at once: enough to keep every slot busy, bounded whatever the number of rows."""
        # Sent or not yet stored: a slow disk slows the asking down, or a crash would lose more and more.
        self._unstored = asyncio.Semaphore(_CANDIDATES * self.window if batches else 2 * settings.max_concurrency)
        self._in_flight: dict[tuple[str, int], asyncio.Task[Reply]] = {}
        self._first_of_its_kind = asyncio.Lock()
        self._answered = 0
        self._found = 0
        self._bad_requests = 0
        self._failed_in_a_row = 0

    async def ask(self, request: ChatRequest) -> Reply:
        """Answer a request from the ledger or by the provider, durably; the same one is in flight only once.

        Raises:
            RefusedError: when this request gets no reply.
            BudgetError: when it could pass the budget.
            ModelError: when no request would get one.
        """
        key = request.content_key(identify_model(request.model))
        flight = (key, read_limit(request))
        task = self._in_flight.get(flight)
        is_first = task is None
        if task is None:
            task = asyncio.ensure_future(self._find_or_send(request, key))
            self._in_flight[flight] = task
            task.add_done_callback(lambda done: self._land(flight, done))
        # Shielded, so that one waiter's cancellation does not throw away a response that others wait for.
        reply = await asyncio.shield(task)
        if is_first and not reply.cached:
            return reply
        reply = replace(reply, cached=True)
        self.usage.count(reply)
        return reply

    async def close(self) -> None:
        """Cancel what is in flight, wait until it is gone and close the connections."""
        tasks = list(self._in_flight.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._batcher:
            await self._batcher.close()
        await provider.close_connections()

    def _land(self, flight: tuple[str, int], task: asyncio.Task[Reply]) -> None:
        del self._in_flight[flight]
        if not task.cancelled():
            # Looked at, or asyncio complains of an error that nobody waits for any more.
            task.exception()

    async def _find_or_send(self, request: ChatRequest, key: str) -> Reply:
        found = await self._ledger.find(key, read_limit(request))
        if found is not None:
            self._found += 1
            note_tokens(request, found.completion_tokens)
            return make_reply(found, cached=True, cost=found.cost)
        async with self._unstored, self._budget.hold(request, self._batcher is not None) as held:
            entry, held.cost = await (self._ask_now if self._batcher is None else self._ask_in_batch)(request, key)
            note_tokens(request, entry.completion_tokens)
        reply = make_reply(entry, cached=False, cost=held.cost)
        self.usage.budget_left = self._budget.left
        self.usage.count(reply)
        return reply

    def _write(self, request: ChatRequest, key: str) -> Call:
        dialect = find_dialect(request.model, self.settings.api_base)
        return dialect.write(request, key, self.settings.structured_output)

    async def _ask_now(self, request: ChatRequest, key: str) -> tuple[Entry, float | None]:
        ticket, tokens = self._throttle.draw_ticket(), self._throttle.estimate(request)
        dialect = find_dialect(request.model, self.settings.api_base)

        async def attempt(wait: float, start: Callable[[], None]) -> tuple[provider.RawReply, Call]:
            async with (
                dialect.open(self._first_of_its_kind, lambda: self._write(request, key)) as call,
                self._throttle.slot(ticket, tokens, wait) as slot,
            ):
                self.usage.note_concurrency(self._throttle.in_flight, self._throttle.limit)
                start()
                raw = await provider.complete(request, call, self.settings)
                self._throttle.correct(slot, raw.prompt_tokens + raw.completion_tokens)
            return raw, call

        raw, call = await self._insist(request, attempt)
        # Without a slot: the model need not wait for the disk.
        entry = await self._ledger.store(make_entry(describe_request(request, key, call), raw))
        # The price of what was sent, also where another process stored another answer first.
        return entry, raw.cost

    async def _ask_in_batch(self, request: ChatRequest, key: str) -> tuple[Entry, float | None]:
        batcher = self._batcher
        assert batcher is not None  # noqa: S101 - asked only where there is one

        async def attempt(_wait: float, start: Callable[[], None]) -> Entry:
            start()
            return await batcher.answer(request, key, self._write(request, key))

        entry = await self._insist(request, attempt)
        return entry, entry.cost

    async def _insist(self, request: ChatRequest, attempt: Callable[[float, Callable[[], None]], Awaitable[T]]) -> T:
        """Make attempts until one succeeds, or there is no hope."""
        answered_before: int | None = None
        failures = 0
        wait = self._first_wait

        def start() -> None:
            # Counted from when it is first sent: what was answered while it waited says nothing of the server.
            nonlocal answered_before
            if answered_before is None:
                answered_before = self._answered

        while True:
            try:
                result = await attempt(wait, start)
                self._answered += 1
                self._failed_in_a_row = 0
                return result
            except NotTakenError as error:
                # No count of attempts: the next one leaves it out.
                find_dialect(request.model, self.settings.api_base).learn(error.call, error.feature, str(error))
                continue
            except RefusedError as error:
                self._note_bad_request(error)
                raise
            except ThrottledError as error:
                # No count of attempts: a provider that asks to wait will answer.
                problem: PassingError = error
            except TransientError as error:
                failures += 1
                if self._is_hopeless(error, failures):
                    self._give_up(request, error, failures, self._answered > (answered_before or 0))
                problem = error
            self._note_retry(request, problem, wait)
            # A time that the server names holds for the whole model: the throttle waits for it.
            if problem.retry_after is None:
                await asyncio.sleep(wait * random.uniform(1.0, 1.25))
            wait = min(wait * 2, _LONGEST_WAIT)

    def _note_retry(self, request: ChatRequest, problem: PassingError, wait: float) -> None:
        self.usage.count_retry(isinstance(problem, ThrottledError | OverloadedError))
        self.usage.note_concurrency(self._throttle.in_flight, self._throttle.limit)
        seconds = wait if problem.retry_after is None else problem.retry_after
        _log.info("%s: %s. Next attempt in %.1f s.", request.model, problem, seconds)

    def _is_hopeless(self, error: TransientError, failures: int) -> bool:
        is_silent = isinstance(error, UnreachableError) and not self._answered
        return failures >= self.settings.max_attempts or (is_silent and failures >= _ATTEMPTS_AT_A_SILENT_SERVER)

    def _give_up(self, request: ChatRequest, error: Exception, attempts: int, others_succeed: bool) -> NoReturn:
        self._failed_in_a_row += 1
        if others_succeed or (
            # A request that breaks a living server must not end the run, even where it is the last or the only one.
            not isinstance(error, UnreachableError) and self._failed_in_a_row < _REFUSALS_BEFORE_GIVING_UP
        ):
            raise RefusedError("server_error", str(error))
        at = f" at {self.settings.api_base}" if self.settings.api_base else ""
        raise ModelError(
            f"The model {request.model}{at} does not answer after {attempts} attempts: {error}."
            " Every response so far is in the ledger: start the server or correct model.api_base, then run again."
        )

    def _note_bad_request(self, error: RefusedError) -> None:
        if error.reason != "bad_request":
            return
        self._bad_requests += 1
        if not self._answered and not self._found and self._bad_requests >= _REFUSALS_BEFORE_GIVING_UP:
            raise ModelError(
                f"model.name: {self.settings.name} refuses every request: {error.detail}."
                " Correct what it names in pipeline.toml or in the prompt file, then run again."
            )


def identify_model(name: str) -> str:
    """What a model counts by in the ledger: an embedded one by its file's hash, any other by its name."""
    if not name.startswith("embedded/"):
        return name
    from persona_assets.llm.embedded import identify_file

    return identify_file(name)


def resolve_task(model: ModelSettings, task: TaskSettings) -> list[ModelSettings]:
    """The model settings of one asset, the first model first: `[model]` with what `[tasks.NAME]` changes.

    The address, the key and the limits per minute of `[model]` go to its own provider only: a model of another
    provider takes that provider's own variables.
    """
    return [_change_model(model, name) for name in dict.fromkeys(task.models)] or [_change_model(model, task.model)]


def name_models(model: ModelSettings, task: TaskSettings) -> str:
    """Who answers for one asset: a model's name, or several joined by " + "."""
    return " + ".join(one.name for one in resolve_task(model, task))


def _change_model(model: ModelSettings, name: str | None) -> ModelSettings:
    if not name:
        return model
    update: dict[str, Any] = {"name": name}
    if name.split("/")[0] != model.name.split("/")[0]:
        update |= {"api_base": None, "api_key": None, "requests_per_minute": None, "tokens_per_minute": None}
    return model.model_copy(update=update)


def asks_in_batches(batches: BatchSettings, task: TaskSettings) -> bool:
    """Whether an asset asks through its provider's batch interface."""
    return batches.enabled if task.batch is None else task.batch
