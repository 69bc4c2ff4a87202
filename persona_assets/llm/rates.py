"""How many requests may be in flight at a model, and when the next one may go.

Nothing that a provider publishes says how much it takes right now, so the number in flight is found as TCP finds it:
it grows while requests succeed and is cut in half when the provider has too many.
"""

import asyncio
import heapq
import itertools
import math
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Self

from persona_assets.llm.allowance import INSTANT, Allowance
from persona_assets.llm.cost_bound import expect_tokens
from persona_assets.llm.provider_errors import OverloadedError, ThrottledError
from persona_assets.llm.request import ChatRequest
from persona_assets.settings import ModelSettings

_FIRST_LIMIT = 16
_CUT = 0.5
_ROUNDS_FROM_NOTHING = 32
"""Rounds of requests in which the limit grows from nothing to its maximum, after the first cut."""
_BYTES_A_TOKEN = 4


@dataclass(eq=False, slots=True)
class _Waiter:
    tokens: int
    loop: asyncio.AbstractEventLoop
    thread: int
    call: "asyncio.Future[None] | None" = None

    async def wait(self, seconds: float) -> None:
        # A call from another thread comes through the loop, so none is missed before this.
        self.call = call = self.loop.create_future()
        if math.isinf(seconds):
            # The usual case, without the cost of a timer.
            await call
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await call

    def wake(self) -> None:
        if self.loop.is_closed():
            return
        if self.thread == threading.get_ident():
            # Across threads it costs a system call.
            self._answer()
        else:
            self.loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        if self.call is not None and not self.call.done():
            self.call.set_result(None)


class Throttle:
    """The slots of one model: oldest request first, as many at once as the provider bears.

    Each success makes room for one more, until the first cut; from then on the limit grows by a thirty-second of its
    maximum in a round of requests. It never runs further ahead of what is in flight than a round. A 429 or an overload
    halves it, but only once for all requests that were sent before the cut. If a cut brings no success, nobody sends
    for as long as the request that was turned away waits itself; a Retry-After holds for everybody.

    It may be used from several event loops and threads.

    Args:
        first: limit at the beginning.
        most: limit that is never passed.
        least: limit that is never undercut; equal to `most`, nothing adapts.
        tokens_per_minute: read and written; None, as for the requests, for any number.
        clock: gives seconds.
    """

    def __init__(
        self,
        first: int,
        most: int,
        least: int = 1,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._least, self._clock = most, least, clock
        self._exact_limit = float(first)
        self._requests = Allowance(requests_per_minute, clock) if requests_per_minute else None
        self._tokens = Allowance(tokens_per_minute, clock) if tokens_per_minute else None
        self._in_flight = 0
        self._peak = 0
        self._epoch = 0
        self._cuts_without_success = 0
        self._held_until = -math.inf
        self._tickets = itertools.count()
        # A heap of pairs, since numbers are compared faster than waiters would be.
        self._waiting: list[tuple[int, _Waiter]] = []
        self._lock = threading.Lock()

    @property
    def limit(self) -> int:
        """Requests that may be in flight now."""
        return int(self._exact_limit)

    @property
    def in_flight(self) -> int:
        """Requests that are in flight now."""
        return self._in_flight

    def draw_ticket(self) -> int:
        """Draw a place in the queue; a request keeps it over all its attempts, so that rows come in order."""
        return next(self._tickets)

    def estimate(self, request: ChatRequest) -> int:
        """Tokens that a request is expected to use; 0 where nobody asks."""
        if self._tokens is None:
            return 0
        read = sum(len(turn["content"].encode()) for turn in request.messages) // _BYTES_A_TOKEN
        return read + expect_tokens(request)

    def slot(self, ticket: int, tokens: int = 0, pause: float = 0.0) -> "Slot":
        """Wait for a slot and hold it; what is raised inside says how the attempt went."""
        return Slot(self, ticket, tokens, pause)

    def correct(self, slot: "Slot", tokens: int) -> None:
        """Say how many tokens a request did use."""
        if self._tokens is not None:
            with self._lock:
                self._tokens.use(tokens - slot.tokens)

    async def enter(self, slot: "Slot") -> None:
        """Wait for a slot; whoever has it must leave."""
        waiter = _Waiter(slot.tokens, asyncio.get_running_loop(), threading.get_ident())
        with self._lock:
            heapq.heappush(self._waiting, (slot.ticket, waiter))
        try:
            while pause := self._try_to_enter(slot, waiter):
                await waiter.wait(pause)
        except BaseException:
            with self._lock:
                self._waiting.remove((slot.ticket, waiter))
                heapq.heapify(self._waiting)
                self._wake_first()
            raise

    def _try_to_enter(self, slot: "Slot", waiter: _Waiter) -> float:
        """Take the slot if it is free, else give the seconds after which to try again."""
        with self._lock:
            if pause := self._find_pause(waiter):
                return pause
            heapq.heappop(self._waiting)
            self._in_flight += 1
            self._peak = max(self._peak, self._in_flight)
            if self._requests:
                self._requests.use(1)
            if self._tokens:
                self._tokens.use(waiter.tokens)
            self._wake_first()
            slot.epoch = self._epoch
            return 0.0

    def _find_pause(self, waiter: _Waiter) -> float:
        # Infinite where another request has to be woken by: one that leaves, or one that is before it in the queue.
        if self._waiting[0][1] is not waiter or self._in_flight >= self.limit:
            return math.inf
        held = self._held_until - self._clock()
        pauses = [held if held > INSTANT else 0.0]
        if self._requests:
            pauses.append(self._requests.find_pause(1))
        if self._tokens:
            pauses.append(self._tokens.find_pause(waiter.tokens))
        return max(pauses)

    def _wake_first(self) -> None:
        if self._waiting and self._in_flight < self.limit:
            self._waiting[0][1].wake()

    def leave(self, slot: "Slot", error: BaseException | None) -> None:
        """Give a slot back. `error`: how the attempt ended; None: it succeeded."""
        if error is None:
            self._grow(slot)
        elif isinstance(error, ThrottledError | OverloadedError):
            self._cut(slot, error.retry_after)
        with self._lock:
            self._in_flight -= 1
            self._wake_first()

    def _grow(self, slot: "Slot") -> None:
        with self._lock:
            self._cuts_without_success = 0
            a_round = max(1.0, self._most / _ROUNDS_FROM_NOTHING) if self._epoch else float(self._peak)
            # A success of before the cut says nothing of the present limit, nor does one of slots that nobody used.
            if slot.epoch == self._epoch and self._exact_limit < self._peak + a_round:
                step = a_round / self._exact_limit if self._epoch else 1.0
                self._exact_limit = min(self._exact_limit + step, float(self._most))

    def _cut(self, slot: "Slot", retry_after: float | None) -> None:
        with self._lock:
            if retry_after is not None:
                self._hold(retry_after)
            if slot.epoch < self._epoch:
                return
            self._epoch += 1
            self._peak = 0
            self._cuts_without_success += 1
            self._exact_limit = max(self._exact_limit * _CUT, float(self._least))
            if retry_after is None and self._cuts_without_success > 1:
                self._hold(slot.pause)

    def _hold(self, seconds: float) -> None:
        # Not to the second: other processes were told the same.
        self._held_until = max(self._held_until, self._clock() + seconds * random.uniform(1.0, 1.1))


@dataclass(eq=False, slots=True)
class Slot:
    """Leave to send one request, held in `async with`.

    Attributes:
        tokens: what it is expected to use.
        pause: seconds that the request itself will wait if it is turned away without a Retry-After.
        epoch: number of cuts before it was sent.
    """

    # A class, since it is entered for each request and a generator costs as much as the rest of the throttle.
    throttle: Throttle
    ticket: int
    tokens: int
    pause: float
    epoch: int = 0

    async def __aenter__(self) -> Self:
        await self.throttle.enter(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.throttle.leave(self, error)


def open_throttle(settings: ModelSettings) -> Throttle:
    """Find the throttle of a model, one for all clients of the process: each asset begins with what the last learned.

    A model in process has no limit but its slots; a server of one's own (`api_base`) is asked for all its slots at
    once, for it queues what it cannot take; elsewhere 16 slots are the beginning.
    """
    most = settings.max_concurrency
    if settings.name.startswith("embedded/"):
        return _share(settings.name, None, most, most, most, None, None)
    first = most if settings.api_base else min(_FIRST_LIMIT, most)
    limits = settings.requests_per_minute, settings.tokens_per_minute
    return _share(settings.name, settings.api_base, first, most, 1, *limits)


@cache
def _share(
    name: str, api_base: str | None, first: int, most: int, least: int, requests: int | None, tokens: int | None
) -> Throttle:
    return Throttle(first, most, least, requests, tokens)
