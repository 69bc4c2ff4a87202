"""The budget: what may be spent in one run and in all, and a stop before it is passed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from persona_assets.errors import BudgetError
from persona_assets.llm.cost_bound import expect_cost
from persona_assets.llm.ledger import Ledger
from persona_assets.llm.request import ChatRequest
from persona_assets.settings import BudgetSettings

_NOTHING = 1e-9
"""US dollars that do not count: sums of fractions never come out even."""


@dataclass(slots=True)
class Hold:
    """The part of the budget that a request in flight may take.

    In US dollars: what it is expected to cost, None where its price is unknown; and what it cost, once that is known.
    """

    expected: float | None
    cost: float | None = None


class Budget:
    """What one run may still spend: the same one for all its assets, which ask one after the other.

    The total is the ledger's, over all processes and all time; beside it is held what the requests in flight are
    expected to cost: as much as 95 of 100 replies to the same task did, and their whole limit while few are known. A
    request that does not fit waits for what is in flight. If it does not fit then, nothing is in flight any more,
    everything paid for is stored, and the run is over.

    So a limit can be passed by unusually long replies among those in flight at the end: at most by their number times
    what the whole limit (`max_tokens`, else the model's own) costs.
    """

    def __init__(self, settings: BudgetSettings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._spent = 0.0
        self._unpriced = 0
        self._guessed = 0.0
        self._held: list[float] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._stop: str | None = None
        self._has_limit = settings.per_run is not None or settings.total is not None

    @property
    def left(self) -> float | None:
        """US dollars that may still be spent, by the narrower limit; None without a limit."""
        left = [limit - spent for _, limit, spent, _ in self._list_limits()]
        return max(0.0, min(left)) if left else None

    @asynccontextmanager
    async def hold(self, request: ChatRequest, in_batch: bool = False) -> AsyncIterator[Hold]:
        """Hold what a request is expected to cost while it is in flight; the hold is to be told what it did cost.

        Raises:
            BudgetError: if the request could pass a limit.
        """
        held = Hold(await self._reserve(request, in_batch) if self._has_limit else None)
        try:
            yield held
        finally:
            if held.expected:
                self._release(held.expected)
            self._spent += held.cost or 0.0
        if held.cost is None:
            # Not known is not free: of what it cost there is the expectation.
            self._unpriced += 1
            self._guessed += held.expected or 0.0

    async def _reserve(self, request: ChatRequest, in_batch: bool) -> float | None:
        # Foretold anew after each wait: what has come meanwhile says more.
        while expected := expect_cost(request, in_batch):
            if self._stop:
                raise BudgetError(self._stop)
            passed = self._find_passed(expected)
            if passed is None:
                self._held.append(expected)
                return expected
            if not self._held:
                self._stop = passed
                continue
            landing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(landing)
            await landing
        return expected

    def _release(self, expected: float) -> None:
        self._held.remove(expected)
        waiting, self._waiting = self._waiting, []
        for landing in waiting:
            # A waiter may have been cancelled, and its loop be gone with it.
            if not landing.done():
                landing.set_result(None)

    def _list_limits(self) -> list[tuple[str, float, float, int]]:
        """Name, limit, spend and calls of unknown price, for each limit that is set."""
        everywhere, settings = self._ledger.spend, self._settings
        limits = [
            ("per_run", settings.per_run, self._spent + self._guessed, self._unpriced),
            ("total", settings.total, everywhere.cost + self._guessed, everywhere.unpriced),
        ]
        return [(name, limit, spent, unpriced) for name, limit, spent, unpriced in limits if limit is not None]

    def _find_passed(self, expected: float) -> str | None:
        for name, limit, spent, unpriced in self._list_limits():
            if spent + sum(self._held) + expected > limit + _NOTHING:
                return _describe_stop(name, limit, spent, unpriced, expected)
        return None


def _describe_stop(name: str, limit: float, spent: float, unpriced: int, expected: float) -> str:
    where = "in this run" if name == "per_run" else "in all runs on this ledger"
    unknown = f" Of {unpriced:,} calls {where} the cost is unknown." if unpriced else ""
    again = " or just give it again, for each run has this budget anew" if name == "per_run" else ""
    return (
        f"budget.{name}: ${spent:,.4f} of ${limit:,.4f} are spent {where}, and the next request is expected to cost"
        f" ${expected:,.4f}. It was not sent, and every response so far is in the ledger.{unknown} Raise budget.{name}"
        f" (or PERSONA_ASSETS__BUDGET__{name.upper()}) and give the same command again{again}: it goes on where this"
        " one ended."
    )
