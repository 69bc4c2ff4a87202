"""The rule of how many requests are in flight, in virtual time: bounds, cuts, waits and limits per minute."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from persona_assets.llm.client import resolve_task
from persona_assets.llm.cost_bound import note_tokens
from persona_assets.llm.provider_errors import OverloadedError, ThrottledError, TransientError
from persona_assets.llm.rates import Throttle, open_throttle
from persona_assets.settings import ModelSettings, TaskSettings
from persona_assets_tests.llm.clients import make_request
from persona_assets_tests.llm.virtual_time import run_virtually

Attempt = Callable[[], Awaitable[None]]


def now() -> float:
    return asyncio.get_running_loop().time()


def make_throttle(first: int = 4, most: int = 4, **limits: Any) -> Throttle:
    return Throttle(first, most, clock=now, **limits)


async def pass_through(throttle: Throttle, error: Exception | None = None, after: float = 1.0, **slot: Any) -> float:
    """Hold a slot for a while and say when it began."""
    try:
        async with throttle.slot(throttle.draw_ticket(), **slot):
            began = now()
            await asyncio.sleep(after)
            if error:
                raise error
    except (ThrottledError, TransientError):
        pass
    return began


outcomes = st.sampled_from(
    [
        None,
        ThrottledError("", None),
        ThrottledError("", 3.0),
        OverloadedError(""),
        OverloadedError("", 2.0),
        TransientError(""),
        asyncio.CancelledError(),
    ]
)
attempts = st.tuples(outcomes, st.floats(0, 5), st.floats(0, 20))


@given(jobs=st.lists(attempts, max_size=60), first=st.integers(1, 20), spare=st.integers(0, 20))
def test_whatever_happens_the_limit_stays_in_its_bounds_and_no_slot_leaks(
    jobs: list[tuple[Exception | None, float, float]], first: int, spare: int
) -> None:
    async def run_one(throttle: Throttle, error: BaseException | None, takes: float, begins: float) -> None:
        await asyncio.sleep(begins)
        async with throttle.slot(throttle.draw_ticket(), pause=1.0):
            assert 1 <= throttle.in_flight <= throttle.limit <= first + spare
            await asyncio.sleep(takes)
            if error:
                raise error
        assert throttle.limit >= 1

    async def main() -> None:
        throttle = make_throttle(first, first + spare)
        tasks = [asyncio.ensure_future(run_one(throttle, *job)) for job in jobs]
        for task in tasks[::5]:
            # Wherever it is: before the queue, in it, or in flight.
            asyncio.get_running_loop().call_later(7.0, task.cancel)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [result for result in results if isinstance(result, AssertionError)]
        assert throttle.in_flight == 0
        # The slots that are left all work.
        held = [asyncio.ensure_future(pass_through(throttle, after=1.0)) for _ in range(throttle.limit)]
        await asyncio.sleep(30.0)
        assert all(task.done() for task in held)

    run_virtually(main())


@given(burst=st.integers(1, 64), late=st.integers(0, 64))
def test_a_burst_is_one_cut(burst: int, late: int) -> None:
    async def main() -> None:
        throttle = make_throttle(128, 128)
        # All of them are sent before the first comes back; some come back long after it.
        turned_away = [pass_through(throttle, ThrottledError("", None)) for _ in range(burst)]
        turned_away += [pass_through(throttle, OverloadedError(""), after=50.0) for _ in range(late)]
        await asyncio.gather(*turned_away)
        assert throttle.limit == 64
        await pass_through(throttle, ThrottledError("", None))
        assert throttle.limit == 32

    run_virtually(main())


def test_an_error_that_is_no_overload_cuts_nothing() -> None:
    async def main() -> None:
        throttle = make_throttle(8, 8)
        await asyncio.gather(*(pass_through(throttle, TransientError("500")) for _ in range(8)))
        assert throttle.limit == 8

    run_virtually(main())


def test_the_limit_doubles_with_each_round_until_the_first_cut_and_then_grows_by_steps() -> None:
    async def main() -> None:
        throttle = make_throttle(16, 512)
        began = now()
        workers = [asyncio.ensure_future(work(throttle)) for _ in range(600)]
        while throttle.limit < 512:
            await asyncio.sleep(1.0)
        assert now() - began <= 6
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await pass_through(throttle, ThrottledError("", None))
        assert throttle.limit == 256
        began = now()
        workers = [asyncio.ensure_future(work(throttle)) for _ in range(600)]
        while throttle.limit < 512:
            await asyncio.sleep(1.0)
        assert 15 <= now() - began <= 18
        for worker in workers:
            worker.cancel()

    async def work(throttle: Throttle) -> None:
        while True:
            await pass_through(throttle)

    run_virtually(main())


def test_the_limit_does_not_run_ahead_of_what_is_in_flight() -> None:
    async def main() -> None:
        throttle = make_throttle(4, 64)
        for _ in range(20):
            await asyncio.gather(*(pass_through(throttle) for _ in range(4)))
        assert throttle.limit == 8

    run_virtually(main())


@pytest.mark.parametrize("error", [ThrottledError("", 30.0), OverloadedError("", 30.0)])
def test_a_retry_after_holds_for_everybody(error: Exception) -> None:
    async def main() -> None:
        throttle = make_throttle()
        early = asyncio.ensure_future(pass_through(throttle, after=5.0))
        await pass_through(throttle, error)
        began = await asyncio.gather(*(pass_through(throttle) for _ in range(3)))
        assert 31.0 <= min(began) <= 34.0
        # A shorter one of the same burst does not open sooner.
        assert await early == 0.0

    run_virtually(main())


def test_a_shorter_retry_after_does_not_end_a_longer_one() -> None:
    async def main() -> None:
        throttle = make_throttle()
        both = [pass_through(throttle, ThrottledError("", seconds)) for seconds in (20.0, 2.0)]
        await asyncio.gather(*both)
        assert await pass_through(throttle) >= 21.0

    run_virtually(main())


def test_cuts_that_bring_no_success_make_everybody_wait() -> None:
    async def main() -> None:
        throttle = make_throttle(16, 16)
        await pass_through(throttle, ThrottledError("", None), pause=8.0)
        assert await pass_through(throttle, ThrottledError("", None), pause=8.0) == 1.0
        assert await pass_through(throttle) >= 10.0
        began = now()
        assert await pass_through(throttle, ThrottledError("", None), pause=8.0) == began
        assert await pass_through(throttle) == began + 1.0

    run_virtually(main())


def test_the_oldest_request_goes_first() -> None:
    async def main() -> None:
        throttle = make_throttle(1, 1)
        order: list[int] = []

        async def enter(ticket: int) -> None:
            async with throttle.slot(ticket):
                order.append(ticket)
                await asyncio.sleep(1.0)

        await asyncio.gather(*(enter(ticket) for ticket in (7, 3, 9, 1, 5)))
        assert order == [7, 1, 3, 5, 9]

    run_virtually(main())


def test_a_cancelled_head_of_the_queue_lets_the_next_one_go() -> None:
    async def main() -> None:
        throttle = make_throttle(1, 1, tokens_per_minute=60)
        await pass_through(throttle, tokens=31)
        head = asyncio.ensure_future(pass_through(throttle, tokens=1))
        await asyncio.sleep(0)
        behind = asyncio.ensure_future(pass_through(throttle, tokens=1))
        await asyncio.sleep(1.0)
        head.cancel()
        assert await behind == pytest.approx(31.0)

    run_virtually(main())


def count_in_any_minute(times: list[float], amounts: list[int]) -> int:
    return max(
        sum(amount for at, amount in zip(times, amounts, strict=True) if start <= at < start + 60) for start in times
    )


@given(per_minute=st.integers(1, 600), requests=st.integers(1, 200))
def test_no_minute_has_more_requests_than_the_limit_and_a_second_s_worth(per_minute: int, requests: int) -> None:
    async def main() -> None:
        throttle = make_throttle(1000, 1000, requests_per_minute=per_minute)
        times = list(await asyncio.gather(*(pass_through(throttle) for _ in range(requests))))
        assert count_in_any_minute(times, [1] * requests) <= per_minute + max(1, per_minute / 60)
        # And no slower than it says.
        assert max(times) <= requests * 60 / per_minute + 1e-3

    run_virtually(main())


@given(per_minute=st.integers(60, 100_000), tokens=st.lists(st.integers(1, 5_000), min_size=1, max_size=40))
def test_no_minute_has_more_tokens_than_the_limit_a_second_s_worth_and_one_request(
    per_minute: int, tokens: list[int]
) -> None:
    async def main() -> None:
        throttle = make_throttle(1000, 1000, tokens_per_minute=per_minute)
        times = list(await asyncio.gather(*(pass_through(throttle, tokens=amount) for amount in tokens)))
        assert count_in_any_minute(times, tokens) <= per_minute * 61 / 60 + max(tokens) + 1

    run_virtually(main())


def test_tokens_that_were_not_used_are_given_back() -> None:
    async def main(used: int) -> float:
        throttle = make_throttle(64, 64, tokens_per_minute=6_000)
        for _ in range(60):
            async with throttle.slot(throttle.draw_ticket(), tokens=200) as slot:
                throttle.correct(slot, used)
        return now()

    assert run_virtually(main(200)) == pytest.approx(120, abs=4)
    assert run_virtually(main(100)) == pytest.approx(60, abs=4)


def test_tokens_are_estimated_only_where_they_are_limited() -> None:
    request = make_request("x" * 400, max_tokens=50)
    assert Throttle(1, 1).estimate(request) == 0
    assert Throttle(1, 1, tokens_per_minute=1).estimate(request) == 150


def test_what_replies_used_so_far_counts_more_than_their_limit() -> None:
    request = make_request("x" * 400, max_tokens=4_096)
    for tokens in (20, 25, 30, 35, 40, 45, 50, 55):
        note_tokens(request, tokens)
    throttle = Throttle(1, 1, tokens_per_minute=1)
    assert throttle.estimate(request) == 155
    assert throttle.estimate(make_request("x" * 400, max_tokens=50)) == 150
    assert throttle.estimate(make_request("x" * 400, max_tokens=None, task="another")) == 1_124


def test_threads_share_the_slots() -> None:
    throttle = Throttle(2, 2)
    most, done = [0], []

    async def work() -> None:
        async def one() -> None:
            async with throttle.slot(throttle.draw_ticket()):
                most[0] = max(most[0], throttle.in_flight)
                await asyncio.sleep(0.001)
                done.append(1)

        await asyncio.gather(*(one() for _ in range(100)))

    threads = [threading.Thread(target=lambda: asyncio.run(work())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(done), most[0], throttle.in_flight) == (400, 2, 0)


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        ({"name": "openai/a"}, 16),
        ({"name": "openai/a", "max_concurrency": 3}, 3),
        ({"name": "hosted_vllm/a", "api_base": "http://x"}, 512),
        ({"name": "embedded/a"}, 512),
    ],
)
def test_where_the_limit_begins(settings: dict[str, Any], first: int) -> None:
    assert open_throttle(ModelSettings(**{"max_concurrency": 512, **settings})).limit == first


def test_a_model_in_process_has_no_limit_but_its_slots() -> None:
    async def main() -> None:
        throttle = open_throttle(ModelSettings(name="embedded/b", max_concurrency=8, requests_per_minute=1))
        await asyncio.gather(*(pass_through(throttle, OverloadedError("")) for _ in range(20)))
        assert (throttle.limit, now() < 4) == (8, True)

    run_virtually(main())


def test_clients_of_one_model_share_and_others_do_not() -> None:
    mine = ModelSettings(name="openai/shared", api_key=SecretStr("k"))
    assert open_throttle(mine) is open_throttle(ModelSettings(name="openai/shared", timeout=5))
    for other in ({"name": "openai/other"}, {"api_base": "http://x"}, {"requests_per_minute": 5}):
        assert open_throttle(mine) is not open_throttle(mine.model_copy(update=other))


def test_limits_per_minute_of_one_provider_are_not_for_another() -> None:
    model = ModelSettings(name="openai/a", requests_per_minute=5, tokens_per_minute=7)
    [same] = resolve_task(model, TaskSettings(model="openai/b"))
    assert same.requests_per_minute == 5
    [other] = resolve_task(model, TaskSettings(model="anthropic/c"))
    assert (other.requests_per_minute, other.tokens_per_minute) == (None, None)
