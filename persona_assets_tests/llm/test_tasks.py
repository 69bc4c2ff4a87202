"""From tasks to rows: the accounting, the order, the window, the choice among candidates."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from persona_assets.errors import ModelError
from persona_assets.llm.client import ModelClient
from persona_assets.llm.request import ChatRequest, RefusedError, Reply
from persona_assets.llm.tasks import (
    Accepted,
    Outcome,
    Rejected,
    Task,
    Values,
    Verdict,
    answer_task,
    collect_batches,
    make_batch,
    run_tasks,
)
from persona_assets.tables import Batch

T = TypeVar("T")
SCHEMA: dict[str, pl.DataType] = {"text": pl.String(), "flags": pl.List(pl.String())}
GOOD = '{"age": 30}'


class Age(BaseModel):
    age: int = Field(ge=0, le=120)


class Script:
    """Stands where the client stands: each request is answered with the next text of its row."""

    def __init__(self, **answers: Sequence[str]) -> None:
        self.answers = {name: list(texts) for name, texts in answers.items()}
        self.asked_by: str | None = "schema"
        self.asked: list[ChatRequest] = []

    async def ask(self, request: ChatRequest) -> Reply:
        self.asked.append(request)
        number = len(self.asked)
        await asyncio.sleep(0)
        text = self.answers[request.messages[0]["content"]].pop(0)
        if text.startswith("!"):
            raise RefusedError(text[1:], "said the provider")
        if text == "dead":
            raise ModelError("the server is dead")
        reason, _, rest = text.partition("|") if "|" in text else ("stop", "", text)
        return Reply(f"key{number}", rest, reason, 1, 1, None, response_format=self.asked_by)


def make_task(name: str, candidates: int = 1, model: type[BaseModel] | None = None, sample: int = 0) -> Task[str]:
    request = ChatRequest("m", [{"role": "user", "content": name}], 0.5, 10, sample=sample)
    return Task(name, request, name, candidates, model)


def judge(_context: str, values: Values) -> Verdict:
    text = str(values.get("text") or values)
    flags = ["doubted"] if "doubt" in text else []
    return Rejected("unfit", text) if "unfit" in text else Accepted({**values, "flags": flags})


def answer(script: Script, task: Task[str], **extra: Any) -> Outcome[str]:
    return asyncio.run(answer_task(cast("ModelClient", script), task, judge, **extra))


def make_rows(outcome: Outcome[str]) -> list[dict[str, Any]]:
    values = outcome.values or {}
    return [{"text": text, "flags": values["flags"]} for text in str(values.get("text")).split(" and ")]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("length|", "truncated"),
        ("length|half an answ", "truncated"),
        ("content_filter|", "refusal"),
        ("unfit", "unfit"),
    ],
)
def test_each_kind_of_bad_reply_has_its_own_reason(reply: str, reason: str) -> None:
    outcome = answer(Script(a=[reply]), make_task("a"))
    assert (outcome.values, outcome.refused, [refusal.reason for refusal in outcome.refusals]) == (None, None, [reason])


@pytest.mark.parametrize("error", [ValueError("4301 digits"), OverflowError("too large"), RecursionError("too deep")])
def test_what_a_judge_cannot_read_is_refused_and_the_run_goes_on(error: Exception) -> None:
    def fail(_context: str, _values: Values) -> Verdict:
        raise error

    async def fail_later(_context: str, _values: Values) -> Verdict:
        raise error

    for judge_of in (fail, fail_later):
        task = make_task("a")
        outcome = asyncio.run(answer_task(cast("ModelClient", Script(a=["9" * 5_000])), task, judge_of))
        assert [(one.reason, str(error) in one.detail) for one in outcome.refusals] == [("unjudgeable", True)]


@pytest.mark.parametrize(
    ("replies", "values", "tiers", "reasons"),
    [
        ([GOOD], {"age": 30, "flags": []}, ["clean"], []),
        ([f"Sure: {GOOD}"], {"age": 30, "flags": []}, ["repaired"], []),
        (["thirty", GOOD], {"age": 30, "flags": []}, ["asked_again"], []),
        (['{"age": 300}', GOOD], {"age": 30, "flags": []}, ["asked_again"], []),
        (["thirty", "about thirty"], None, ["malformed"], ["malformed"]),
        (["thirty", "length|{"], None, ["malformed"], ["truncated"]),
        (["thirty", "!server_error"], None, ["malformed"], ["malformed"]),
        (["length|{"], None, [], ["truncated"]),
        (["I'm sorry, but I can't help with that."], None, [], ["refusal"]),
    ],
)
def test_a_structured_answer_has_a_tier(
    replies: list[str], values: Values | None, tiers: list[str], reasons: list[str]
) -> None:
    outcome = answer(Script(a=replies), make_task("a", model=Age))
    assert (outcome.values, list(outcome.tiers), [r.reason for r in outcome.refusals]) == (values, tiers, reasons)
    assert outcome.refused is None


def test_tiers_and_ways_of_asking_are_counted_beside_the_equations() -> None:
    script = Script(a=[GOOD, "thirty", GOOD], b=[f"Sure: {GOOD}", "length|{"], c=["plain"])
    outcomes = [answer(script, make_task("a", 2, Age))]
    script.asked_by = "json"
    outcomes.append(answer(script, make_task("b", 1, Age)))
    script.asked_by = None
    outcomes += [answer(script, make_task("b", 1, Age)), answer(script, make_task("c"))]
    account = make_batch(outcomes, make_rows, SCHEMA).accounting
    assert account.tiers == {"clean": 1, "asked_again": 1, "repaired": 1}
    # The second ask is a reply too; plain text is none of these.
    assert account.formats == {"schema": 3, "json": 1, "unknown": 1}
    assert account.find_imbalance() is None


def test_the_second_ask_shows_the_first_answer_and_both_are_kept_as_sources() -> None:
    script = Script(a=["thirty", GOOD])
    outcome = answer(script, make_task("a", model=Age))
    assert [message["content"] for message in script.asked[1].messages][:2] == ["a", "thirty"]
    assert outcome.keys == ("key1", "key2")


def test_the_first_candidate_without_a_flag_is_kept() -> None:
    outcome = answer(Script(a=["doubt", "two", "three", "unfit"]), make_task("a", 4))
    assert outcome.values == {"text": "two", "flags": []}
    assert (outcome.keys, outcome.dropped["not_chosen"]) == (("key2",), 2)
    assert [refusal.reason for refusal in outcome.refusals] == ["unfit"]
    assert answer(Script(a=["doubt", "no doubt"]), make_task("a", 2)).values == {"text": "doubt", "flags": ["doubted"]}


def test_candidates_vote_and_too_few_votes_make_no_row() -> None:
    async def count_equal(_context: str, values: Sequence[Values]) -> list[int]:
        texts = [value["text"] for value in values]
        return [texts.count(text) for text in texts]

    task = replace(make_task("a", 3), least_votes=2)
    outcome = answer(Script(a=["5", "7", "7"]), task, voter=count_equal)
    assert (outcome.values, outcome.votes, outcome.accepted) == ({"text": "7", "flags": []}, 2, 3)
    outcome = answer(Script(a=["5", "7", "unfit"]), task, voter=count_equal)
    assert outcome.values is None
    assert [(r.reason, r.raw) for r in outcome.refusals] == [
        ("unfit", "unfit"),
        ("no_agreement", "5"),
        ("no_agreement", "7"),
    ]
    assert "1 of 2 answers agree, 2 are wanted" in outcome.refusals[1].detail


def test_one_reply_makes_several_rows_and_refuses_some_of_its_items() -> None:
    def judge_items(_context: str, values: Values) -> Verdict:
        kept = [item for item in values["text"].split(" and ") if item != "unfit"]
        return Accepted({"text": " and ".join(kept), "flags": ["doubted"]}, [Rejected("unfit", "item 2")])

    outcome = asyncio.run(
        answer_task(cast("ModelClient", Script(a=["one and unfit and three"])), make_task("a"), judge_items)
    )
    batch = make_batch([outcome], make_rows, SCHEMA)
    assert batch.rows["text"].to_list() == ["one", "three"]
    assert (batch.accounting.parsed, batch.accounting.quarantined) == (3, {"unfit": 1})
    assert batch.accounting.flags == {"doubted": 2}
    assert batch.accounting.find_imbalance() is None


def test_candidates_are_different_samples_and_rows_do_not_share_them() -> None:
    script = Script(a=["x"] * 6)
    for sample in (0, 1):
        answer(script, make_task("a", 3, sample=sample))
    assert sorted(request.sample for request in script.asked) == [0, 1, 2, 3, 4, 5]


def test_one_candidate_that_the_provider_refuses_does_not_lose_the_task() -> None:
    outcome = answer(Script(a=["!server_error", "fine"]), make_task("a", 2))
    assert (outcome.values, outcome.refused) == ({"text": "fine", "flags": []}, None)
    outcome = answer(Script(a=["!server_error", "!content_filter"]), make_task("a", 2))
    assert (outcome.values, outcome.refused) == (None, "server_error")


REPLIES = st.sampled_from(
    [GOOD, "thirty", "", "length|{", "!server_error", "!bad_request", "doubt", f"so: {GOOD}", '{"age": "unfit"}']
)  # fmt: skip


@given(st.lists(st.lists(REPLIES, min_size=6, max_size=6), max_size=12), st.integers(1, 3), st.booleans())
def test_the_account_balances_whatever_comes(rows: list[list[str]], candidates: int, structured: bool) -> None:
    script = Script(**{f"row{n}": texts for n, texts in enumerate(rows)})
    tasks = [make_task(f"row{n}", candidates, Age if structured else None) for n in range(len(rows))]
    client = cast("ModelClient", script)

    async def run() -> list[Outcome[str]]:
        return [o async for o in run_tasks(tasks, lambda task: answer_task(client, task, judge), 4)]

    outcomes = asyncio.run(run())
    batch = make_batch(outcomes, make_rows, SCHEMA)
    account = batch.accounting
    assert account.find_imbalance() is None
    assert account.planned == len(rows)
    assert account.answered == sum(1 for outcome in outcomes if outcome.values is not None or outcome.refusals)
    assert account.rows == batch.rows.height == sum(outcome.values is not None for outcome in outcomes)
    assert account.quarantined.total() == batch.quarantined.height
    # Counted from the other side: every candidate became a row, was left out, was quarantined or never arrived.
    lost = len(rows) * candidates - account.parsed
    assert 0 <= account.refused.total() * candidates <= lost


def test_outcomes_come_in_the_tasks_order_and_batches_too() -> None:
    async def work(task: Task[str]) -> Outcome[str]:
        await asyncio.sleep(0.001 * (int(task.row_id) % 7))
        return Outcome(task, {"text": task.row_id, "flags": []})

    async def run() -> list[Batch]:
        tasks = (make_task(str(n)) for n in range(600))
        return [batch async for batch in collect_batches(run_tasks(tasks, work, 50), make_rows, SCHEMA)]

    batches = asyncio.run(run())
    assert [batch.rows.height for batch in batches] == [256, 256, 88]
    assert pl.concat(batch.rows for batch in batches)["text"].to_list() == [str(n) for n in range(600)]


def test_never_more_than_the_window_is_begun() -> None:
    begun = given_out = most = 0

    def plan() -> Iterator[Task[str]]:
        nonlocal begun, most
        for n in range(50):
            begun += 1
            most = max(most, begun - given_out)
            yield make_task(str(n))

    async def work(task: Task[str]) -> Outcome[str]:
        await asyncio.sleep(0)
        return Outcome(task)

    async def run() -> None:
        nonlocal given_out
        async for _ in run_tasks(plan(), work, 8):
            given_out += 1

    asyncio.run(run())
    assert (begun, given_out) == (50, 50)
    assert most <= 8


async def _end(outcomes: AsyncIterator[Any], how_many: int) -> None:
    count = 0
    async for _ in outcomes:
        count += 1
        if count == how_many:
            raise LookupError("the reader fails")


@pytest.mark.parametrize(("reader_ends_at", "error"), [(99, ModelError), (1, LookupError)])
def test_whoever_fails_nothing_goes_on(reader_ends_at: int, error: type[Exception]) -> None:
    running: set[str] = set()

    async def work(task: Task[str]) -> Outcome[str]:
        running.add(task.row_id)
        try:
            if task.row_id == "260" and reader_ends_at == 99:
                raise ModelError("dead")
            await asyncio.sleep(0 if int(task.row_id) < 260 else 10)
        finally:
            running.discard(task.row_id)
        return Outcome(task)

    async def run() -> set[str]:
        batches = collect_batches(run_tasks((make_task(str(n)) for n in range(400)), work, 30), make_rows, SCHEMA)
        with pytest.raises(error):
            await _end(batches, reader_ends_at)
        await batches.aclose()
        return set(running)

    assert asyncio.run(run()) == set()
