"""What the calls of one asset cost."""

from collections.abc import Callable
from dataclasses import dataclass, field

from persona_assets.llm.request import Reply


@dataclass(slots=True)
class Usage:
    """What the calls of one asset cost, counted as they come.

    Attributes:
        cached: requests answered without sending anything; what starts with `stored_` is what they took when they were
            sent, the rest is of this run.
        cost: US dollars, as far as prices are known.
        unpriced: calls whose price is unknown.
        retries: attempts that failed and were made again.
        throttled: how many of them the provider turned away, or let wait too long, for having too much to do.
        concurrency: requests in flight at once, at most.
        limit: requests that may be in flight at once by now.
        under_way: requests that a provider works on in batches.
        budget_left: US dollars that may still be spent; None without a budget.
    """

    calls: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0
    stored_prompt_tokens: int = 0
    stored_completion_tokens: int = 0
    stored_cost: float = 0.0
    retries: int = 0
    throttled: int = 0
    concurrency: int = 0
    limit: int = 0
    under_way: int = 0
    budget_left: float | None = None
    listener: Callable[["Usage"], None] | None = field(default=None, repr=False)
    _batches: dict[str, int] = field(default_factory=dict, repr=False)

    def count(self, reply: Reply) -> None:
        """Count a reply."""
        if reply.cached:
            self.cached += 1
            self.stored_prompt_tokens += reply.prompt_tokens
            self.stored_completion_tokens += reply.completion_tokens
            self.stored_cost += reply.cost or 0.0
        else:
            self.calls += 1
            self.prompt_tokens += reply.prompt_tokens
            self.completion_tokens += reply.completion_tokens
            self.cost += reply.cost or 0.0
            self.unpriced += reply.cost is None
        self._tell()

    def count_retry(self, is_throttled: bool = False) -> None:
        """Count an attempt that has to be made again."""
        self.retries += 1
        self.throttled += is_throttled
        self._tell()

    def note_concurrency(self, in_flight: int, limit: int) -> None:
        """Note how many requests are in flight, and how many may be."""
        self.concurrency, self.limit = max(self.concurrency, in_flight), limit

    def note_batch(self, nonce: str, open_requests: int) -> None:
        """Note how many requests of a batch are still open."""
        self._batches[nonce] = open_requests
        self.under_way = sum(self._batches.values())
        self._tell()

    def _tell(self) -> None:
        if self.listener:
            self.listener(self)
