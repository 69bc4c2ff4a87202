"""Progress of assets for a person to see: bars on a terminal, plain lines elsewhere."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from persona_assets.accounting import Accounting
from persona_assets.commands import say
from persona_assets.llm.usage import Usage
from persona_assets.progress import Reporter

_SECONDS_BETWEEN_LINES = 15.0


@contextmanager
def open_reporter(console: Console) -> Iterator[Reporter]:
    """Open what fits the console; while it is open, other text must go through the same console."""
    if not console.is_terminal:
        yield LineReporter(console)
        return
    columns = (TextColumn("{task.description:<19}"), BarColumn(bar_width=12), TextColumn("{task.fields[counts]}"))
    with Progress(*columns, console=console) as progress:
        yield BarReporter(progress)


def make_console() -> Console:
    """A console on standard output."""
    # A terminal of less than 80 columns would break tables, and a pipe has no width at all.
    width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", "80"))
    return Console(width=width, highlight=False, soft_wrap=False)


class BarReporter(Reporter):
    """One bar an asset."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def start(self, asset: str, shard: str, planned: int | None) -> None:
        """Add a bar; it moves to and fro while the number of tasks is unknown."""
        self._bars[asset] = self._progress.add_task(asset, total=planned, counts="")

    def update(self, asset: str, accounting: Accounting, usage: Usage | None) -> None:
        """Move the bar."""
        done = accounting.answered + accounting.refused.total()
        self._progress.update(self._bars[asset], completed=done, counts=describe_counts(accounting, usage))

    def finish(self, asset: str, accounting: Accounting, usage: Usage | None) -> None:
        """Fill the bar."""
        total = max(accounting.planned, 1)
        counts = describe_counts(accounting, usage)
        self._progress.update(self._bars[asset], total=total, completed=total, counts=counts)


class LineReporter(Reporter):
    """A line at the end of each asset, and one now and then in between."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._planned: int | None = None
        self._printed = 0.0

    def start(self, asset: str, shard: str, planned: int | None) -> None:
        """Note the number of tasks."""
        self._planned, self._printed = planned, time.monotonic()

    def update(self, asset: str, accounting: Accounting, usage: Usage | None) -> None:
        """Print a line if the last one is old."""
        if time.monotonic() - self._printed < _SECONDS_BETWEEN_LINES:
            return
        self._printed = time.monotonic()
        done = accounting.answered + accounting.refused.total()
        of = f" of {self._planned:,}" if self._planned is not None else ""
        self._print(f"  {asset}: {done:,}{of} tasks, {describe_counts(accounting, usage)}")

    def finish(self, asset: str, accounting: Accounting, usage: Usage | None) -> None:
        """Print what came of the asset."""
        self._print(f"{asset}: {describe_counts(accounting, usage)}")

    def _print(self, line: str) -> None:
        say(self._console, line)


def describe_counts(accounting: Accounting, usage: Usage | None) -> str:
    """Rows with those that are flagged, and for an asset that asks a model its calls, tokens and spend, on one line.

    In place of the tokens, for not all fits: the requests that a provider has in batches, how often it had too much to
    do and the requests in flight that are left, or what is left of a budget.
    """
    rows = f"{accounting.rows:,} rows" + (f" ({accounting.flagged:,} flagged)" if accounting.flagged else "")
    if usage is None or not usage.calls + usage.cached + usage.under_way:
        return rows
    tokens = usage.prompt_tokens + usage.completion_tokens
    calls = f"{rows}, {usage.calls:,}+{usage.cached:,} calls"
    if usage.under_way:
        return f"{calls}, {usage.under_way:,} in batches, {describe_cost(usage)}"
    if usage.throttled:
        return f"{calls}, slowed {usage.throttled:,}x to {usage.limit}, {describe_cost(usage)}"
    if usage.budget_left is not None:
        return f"{calls}, {describe_cost(usage)}, ${usage.budget_left:,.2f} left"
    return f"{calls}, {shorten_count(tokens)} tok, {describe_cost(usage)}"


def describe_cost(usage: Usage) -> str:
    """What was spent: an unknown price is said to be unknown, not taken for nothing."""
    if not usage.unpriced:
        return f"${usage.cost:,.4f}" if usage.cost else "$0"
    return f"${usage.cost:,.4f} + unknown" if usage.cost else "cost unknown"


def shorten_count(number: int) -> str:
    """A count in about five characters: 1,234, 123k, 12.3M."""
    if number < 10_000:
        return f"{number:,}"
    return f"{number / 1_000:,.0f}k" if number < 10_000_000 else f"{number / 1_000_000:,.1f}M"
