"""`persona-assets backfill`: the shards that are new or out of date, several at once, or handed to the daemon."""

import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rich.console import Console

from persona_assets.backfills import DueShard
from persona_assets.commands import say
from persona_assets.commands.pipeline import Pipeline, open_pipeline
from persona_assets.commands.run import RunFailedError
from persona_assets.settings import Settings

_COMMAND = (sys.executable, "-m", "persona_assets")
_TAIL = 6
"""Lines of a failed run that are shown."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    is_success: bool
    seconds: float
    tail: str


def run_backfill(
    settings: Settings, console: Console, shards: Sequence[str], jobs: int, limit: int | None, queue: bool
) -> None:
    """Run the shards named, whatever their state, or else those that are new or out of date; show how each ends.

    Args:
        jobs: processes at once.
        queue: whether Dagster's daemon runs them.

    Raises:
        SettingsError: for a shard that the corpus does not have.
        RunFailedError: if a shard failed as often as automation.retries allows.
    """
    with open_pipeline(settings, console) as pipeline:
        chosen = _choose(pipeline, console, shards)[:limit]
        if not chosen:
            console.print("No shard is new or out of date.")
            return
        names = [one.shard for one in chosen]
        pipeline.register_shards(names)
        if queue:
            backfill_id = pipeline.submit_backfill(names)
            say(
                console,
                f"Backfill {backfill_id} of {len(chosen)} shards is in the queue: the daemon runs it (persona-assets"
                " dev starts one), and the UI shows it under Runs, Backfills.",
            )
            return
        if not pipeline.examine_instructions().is_current:
            pipeline.run_instructions()
    failed = _run_all(console, chosen, jobs, settings.automation.retries)
    if failed:
        raise RunFailedError(
            f"{len(failed)} of {len(chosen)} shards failed: {', '.join(failed[:10])}. What was answered is kept:"
            " correct the cause named above, then give the same command again."
        )


def _choose(pipeline: Pipeline, console: Console, shards: Sequence[str]) -> list[DueShard]:
    if shards:
        pipeline.project.require_shards(shards)
        return [DueShard(shard, "asked for", 0.0) for shard in shards]
    due = pipeline.find_due()
    if due.describe():
        say(console, f"Left alone: {due.describe()}.")
    return list(due.shards)


def _run_all(console: Console, chosen: Sequence[DueShard], jobs: int, retries: int) -> list[str]:
    waiting, done = list(chosen), 0
    with ThreadPoolExecutor(jobs) as pool:
        for attempt in range(retries + 1):
            if attempt:
                console.print(f"{len(waiting)} shards are tried again.")
            left: list[DueShard] = []
            for one, result in zip(waiting, pool.map(_run_shard, waiting), strict=True):
                done += result.is_success
                how = f"{'done' if result.is_success else 'failed'} in {result.seconds:.0f} s ({one.reason})"
                say(console, f"{done:>5} of {len(chosen)}  {one.shard}: {how}")
                if not result.is_success:
                    say(console, result.tail)
                    left.append(one)
            waiting = left
            if not waiting:
                break
    return [one.shard for one in waiting]


def _run_shard(one: DueShard) -> _Attempt:
    began = time.monotonic()
    command = [*_COMMAND, "run", "--shard", one.shard, "--no-release"]
    # A process of its own: a crash of one shard ends no other, and models are loaded once a process anyway.
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    said = [line for line in (ended.stdout + ended.stderr).splitlines() if line.strip()]
    return _Attempt(ended.returncode == 0, time.monotonic() - began, "\n".join(said[-_TAIL:]))
