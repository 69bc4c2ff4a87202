"""From tasks to rows: ask, judge each reply, choose among candidates, and account for everything.

Every model-backed asset is one stream of tasks. A domain package says what is asked (`Task`), what is
right (`Judge`) and what a row looks like; what holds for every answer, votes, the second ask and the
accounting are here.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

import polars as pl

from persona_assets.accounting import Accounting
from persona_assets.llm.answers import is_refusal
from persona_assets.llm.outcomes import Accepted, Judge, Outcome, Refusal, Task, Values, Verdict, Voter
from persona_assets.llm.request import ChatRequest, RefusedError, Reply
from persona_assets.llm.structured import MalformedError, correction, parse_answer
from persona_assets.llm.team import Answerer
from persona_assets.records import QUARANTINE_COLUMNS
from persona_assets.row_checks import Rejected
from persona_assets.tables import Batch

__all__ = [
    "Accepted",
    "Judge",
    "Outcome",
    "Refusal",
    "Rejected",
    "Task",
    "Values",
    "Verdict",
    "Voter",
    "answer_task",
    "collect_batches",
    "make_batch",
    "run_tasks",
]

C = TypeVar("C")

_BATCH_ROWS = 256
_LONGEST_DETAIL = 200


@dataclass(frozen=True, slots=True)
class _Candidate:
    model: str
    verdict: Verdict
    replies: tuple[Reply, ...]
    tier: str | None

    @property
    def raw(self) -> str:
        return self.replies[-1].text

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(reply.key for reply in self.replies)


async def answer_task(client: Answerer, task: Task[C], judge: Judge[C], voter: Voter[C] | None = None) -> Outcome[C]:
    """Draw a task's candidates, judge them and keep one; ModelError only when the model cannot be asked at all."""
    draws = [_draw(client, task, request, judge) for request in task.list_requests()]
    # One draw, the usual case, needs no task of its own.
    results = [await draws[0]] if len(draws) == 1 else await asyncio.gather(*draws)
    candidates = [result for result in results if isinstance(result, _Candidate)]
    outcome = Outcome(task)
    if not candidates:
        outcome.refused = next(result.reason for result in results if isinstance(result, RefusedError))
        return outcome
    outcome.tiers.update(candidate.tier for candidate in candidates if candidate.tier)
    if task.answer_model:
        replies = (reply for candidate in candidates for reply in candidate.replies)
        outcome.formats.update(reply.response_format or "unknown" for reply in replies)
    accepted = [(one, one.verdict) for one in candidates if isinstance(one.verdict, Accepted)]
    outcome.refusals += [_refuse(task, one, one.verdict) for one in candidates if isinstance(one.verdict, Rejected)]
    if accepted:
        await _keep_one(outcome, accepted, voter)
    return outcome


async def _keep_one(
    outcome: Outcome[C], accepted: Sequence[tuple[_Candidate, Accepted]], voter: Voter[C] | None
) -> None:
    task = outcome.task
    votes = await voter(task.context, [verdict.values for _, verdict in accepted]) if voter else [1] * len(accepted)
    # max keeps the first of equals, so the choice does not depend on which reply came first in time.
    best = max(range(len(accepted)), key=lambda place: (votes[place], accepted[place][1].worth))
    outcome.votes, outcome.accepted = votes[best], len(accepted)
    if task.least_votes is not None and outcome.votes < task.least_votes:
        detail = f"{outcome.votes} of {len(accepted)} answers agree, {task.least_votes} are wanted"
        outcome.refusals += [_refuse(task, candidate, Rejected("no_agreement", detail)) for candidate, _ in accepted]
        return
    chosen, verdict = accepted[best]
    outcome.values, outcome.keys, outcome.model = verdict.values, chosen.keys, chosen.model
    outcome.refusals += [_refuse(task, chosen, rejected) for rejected in verdict.refused]
    if len(accepted) > 1:
        outcome.dropped["not_chosen"] += len(accepted) - 1


def _refuse(task: Task[C], candidate: _Candidate, rejected: Rejected) -> Refusal:
    return Refusal(task.row_id, rejected.reason, rejected.detail, candidate.raw, candidate.keys)


async def run_tasks(
    tasks: Iterable[Task[C]], work: Callable[[Task[C]], Awaitable[Outcome[C]]], window: int
) -> AsyncGenerator[Outcome[C], None]:
    """Work on tasks concurrently, reading no more than that needs, and give the outcomes in the tasks' order.

    Args:
        window: tasks begun and not yet given out, at most.

    Raises:
        ModelError: when the model cannot be asked at all; what else is begun is cancelled.
    """
    pending: deque[asyncio.Future[Outcome[C]]] = deque()
    try:
        for task in tasks:
            pending.append(asyncio.ensure_future(work(task)))
            if len(pending) >= window:
                yield await pending[0]
                pending.popleft()
        while pending:
            yield await pending[0]
            pending.popleft()
    finally:
        for future in pending:
            future.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


async def collect_batches(
    outcomes: AsyncGenerator[Outcome[C], None],
    make_rows: Callable[[Outcome[C]], Iterable[dict[str, Any]]],
    schema: Mapping[str, pl.DataType],
) -> AsyncGenerator[Batch, None]:
    """Turn outcomes, in the order of the rows, into batches for the lake: of 256 outcomes, or what is left.

    `make_rows` makes the table's rows from an outcome that has values.
    """
    waiting: list[Outcome[C]] = []
    # Closed at once when the reader stops or fails, so that nothing goes on asking.
    async with aclosing(outcomes):
        async for outcome in outcomes:
            waiting.append(outcome)
            if len(waiting) >= _BATCH_ROWS:
                yield make_batch(waiting, make_rows, schema)
                waiting = []
    if waiting:
        yield make_batch(waiting, make_rows, schema)


def make_batch(
    outcomes: Sequence[Outcome[C]],
    make_rows: Callable[[Outcome[C]], Iterable[dict[str, Any]]],
    schema: Mapping[str, pl.DataType],
) -> Batch:
    """Turn some outcomes into one batch."""
    rows = [row for outcome in outcomes if outcome.values is not None for row in make_rows(outcome)]
    refusals = [refusal for outcome in outcomes for refusal in outcome.refusals]
    quarantined = pl.DataFrame(
        [
            {"row_id": r.row_id, "reason": r.reason, "detail": r.detail, "raw": r.raw, "response_key": r.keys[-1]}
            for r in refusals
        ],
        schema=QUARANTINE_COLUMNS,
    )
    return Batch(pl.DataFrame(rows, schema=dict(schema)), quarantined, _account(outcomes, rows, refusals))


def _account(
    outcomes: Sequence[Outcome[C]], rows: Sequence[Mapping[str, Any]], refusals: Sequence[Refusal]
) -> Accounting:
    refused = Counter(outcome.refused for outcome in outcomes if outcome.refused)
    dropped = _sum(outcome.dropped for outcome in outcomes)
    account = Accounting(
        planned=len(outcomes),
        answered=len(outcomes) - refused.total(),
        refused=refused,
        parsed=len(rows) + dropped.total() + len(refusals),
        rows=len(rows),
        dropped=dropped,
        quarantined=Counter(refusal.reason for refusal in refusals),
        tiers=_sum(outcome.tiers for outcome in outcomes),
        formats=_sum(outcome.formats for outcome in outcomes),
    )
    account.count_flags(row["flags"] for row in rows)
    return account


def _sum(counts: Iterable[Counter[str]]) -> Counter[str]:
    return sum(counts, Counter())


async def _draw(client: Answerer, task: Task[C], request: ChatRequest, judge: Judge[C]) -> "_Candidate | RefusedError":
    try:
        reply = await client.ask(request)
    except RefusedError as error:
        return error
    verdict, tier = await _judge(task, reply, judge)
    first = _Candidate(request.model, verdict, (reply,), tier)
    if task.answer_model is None or not isinstance(verdict, Rejected) or verdict.reason != "malformed":
        return first
    try:
        again = await client.ask(request.with_turns(*correction(reply.text, verdict.detail)))
    except RefusedError:
        # The first reply arrived and was paid for: it is what is accounted for.
        return first
    verdict, tier = await _judge(task, again, judge)
    was_read = tier in {"clean", "repaired"}
    return _Candidate(request.model, verdict, (reply, again), "asked_again" if was_read else "malformed")


async def _judge(task: Task[C], reply: Reply, judge: Judge[C]) -> tuple[Verdict, str | None]:
    problem = _find_problem(task, reply)
    if problem:
        return problem, None
    if task.answer_model is None:
        return await _ask_judge(judge, task.context, {"text": reply.text.strip()}), None
    try:
        values, tier = parse_answer(reply.text, task.answer_model)
    except MalformedError as error:
        if is_refusal(reply.text):
            return Rejected("refusal", reply.text.strip()[:_LONGEST_DETAIL]), None
        return Rejected("malformed", str(error)), "malformed"
    return await _ask_judge(judge, task.context, values), tier


async def _ask_judge(judge: Judge[C], context: C, values: Values) -> Verdict:
    try:
        verdict = judge(context, values)
        return verdict if isinstance(verdict, Accepted | Rejected) else await verdict
    except (ValueError, ArithmeticError, RecursionError) as error:
        # Numbers of thousands of digits, nesting without end: the reply is in the ledger, so every run would die of it.
        return Rejected("unjudgeable", f"{type(error).__name__}: {error}"[:_LONGEST_DETAIL])


def _find_problem(task: Task[Any], reply: Reply) -> Rejected | None:
    text = reply.text.strip()
    if reply.finish_reason == "content_filter":
        return Rejected("refusal", text[:_LONGEST_DETAIL] or "by the provider's filter")
    if reply.finish_reason == "length":
        return Rejected("truncated", f"cut off at {task.request.max_tokens or 'the most'} tokens")
    return None if text else Rejected("empty")
