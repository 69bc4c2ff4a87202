"""The ledger: durable, shared by processes, right about truncated replies, clear about a broken disk."""

import asyncio
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.errors import ModelError
from persona_assets.llm.ledger import Entry, Ledger, open_ledger


def make_entry(name: str, cut_at: int = 0, text: str = "hello") -> Entry:
    return Entry(
        sha256(name.encode()).hexdigest(),
        cut_at,
        "openai/m",
        "math",
        "s",
        "v1",
        '{"seed": 1}',
        {"choices": [{"message": {"content": text}}]},
        7,
        5,
        None,
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )


@asynccontextmanager
async def opened(url: str | sa.URL) -> AsyncIterator[Ledger]:
    ledger = Ledger(url)
    try:
        yield ledger
    finally:
        ledger.close()


def test_what_is_stored_is_found_by_the_next_process(url: str) -> None:
    entry = replace(make_entry("a", text="half a pair: \ud83d, 語, \x00"), cost=0.25)

    async def store() -> None:
        async with opened(url) as ledger:
            assert await ledger.find(entry.key, 10) is None
            assert await ledger.store(entry) == entry

    async def find() -> None:
        async with opened(url) as ledger:
            assert await ledger.find(entry.key, 10) == entry
            assert await ledger.find(make_entry("b").key, 10) is None
            assert ledger.read([entry.key, make_entry("b").key]) == {entry.key: entry}

    asyncio.run(store())
    asyncio.run(find())


def test_a_truncated_reply_is_a_miss_only_for_a_larger_limit(url: str) -> None:
    async def run() -> None:
        async with opened(url) as ledger:
            cut, longer, whole = make_entry("a", 100, "cu"), make_entry("a", 200, "cut of"), make_entry("a", 0, "whole")
            await ledger.store(cut)
            assert await ledger.find(cut.key, 100) == cut
            assert await ledger.find(cut.key, 50) == cut
            assert await ledger.find(cut.key, 101) is None
            await ledger.store(longer)
            assert await ledger.find(cut.key, 100) == cut
            assert await ledger.find(cut.key, 200) == longer
            await ledger.store(whole)
            assert await ledger.find(cut.key, 5_000) == whole
            assert ledger.read([cut.key]) == {cut.key: whole}

    asyncio.run(run())


def test_the_first_answer_stored_stays(url: str) -> None:
    async def run() -> None:
        async with opened(url) as one, opened(url) as other:
            first = make_entry("a", text="first")
            await one.store(first)
            assert await other.store(make_entry("a", text="second")) == first
            same_batch = [make_entry("b", text=str(n)) for n in range(20)]
            stored = await asyncio.gather(*map(one.store, same_batch))
            assert len({str(entry.response) for entry in stored}) == 1

    asyncio.run(run())


def _store_many(url: str, worker: int, count: int) -> None:
    async def run() -> None:
        async with opened(url) as ledger:
            own = [make_entry(f"{worker}:{n}") for n in range(count)]
            shared = [make_entry(f"shared:{n}", text=f"by {worker}") for n in range(count)]
            await asyncio.gather(*map(ledger.store, own + shared))

    asyncio.run(run())


def test_processes_write_at_once_to_a_ledger_that_none_of_them_finds_there(url: str) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_store_many, args=(url, number, 300)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]

    async def check() -> None:
        async with opened(url) as ledger:
            names = [f"{worker}:{n}" for worker in range(3) for n in range(300)] + [f"shared:{n}" for n in range(300)]
            assert len(ledger.read(make_entry(name).key for name in names)) == 1_200

    asyncio.run(check())


def test_thousands_of_responses_share_a_disk_flush(tmp_path: Path) -> None:
    async def run() -> float:
        async with opened(f"sqlite:///{tmp_path / 'l.sqlite'}") as ledger:
            entries = [make_entry(str(n), text="word " * 300) for n in range(5_000)]
            start = time.perf_counter()
            await asyncio.gather(*map(ledger.store, entries))
            return 5_000 / (time.perf_counter() - start)

    rate = asyncio.run(run())
    print(f"{rate:.0f} responses/s")
    # Far below what a quiet machine does, far above what one flush a response would.
    assert rate > 500


def test_a_killed_process_loses_nothing_that_store_returned_for(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from persona_assets_tests.llm.test_ledger import Ledger, make_entry
async def run():
    ledger = Ledger(sys.argv[1])
    for n in range(100_000):
        await ledger.store(make_entry(str(n)))
        print(n, flush=True)
asyncio.run(run())
"""
    url = f"sqlite:///{tmp_path / 'l.sqlite'}"
    with subprocess.Popen([sys.executable, "-c", program, url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(50)]
        process.kill()
        acknowledged += [int(line) for line in process.stdout if line.endswith("\n")]

    async def count() -> int:
        async with opened(url) as ledger:
            return len(ledger.read(make_entry(str(n)).key for n in acknowledged))

    assert asyncio.run(count()) == len(acknowledged) >= 50


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.booleans()), max_size=25))
def test_find_agrees_with_a_dictionary(steps: list[tuple[str, int, bool]]) -> None:
    async def run(folder: str) -> None:
        stored: dict[str, set[int]] = {}
        async with opened(f"sqlite:///{folder}/l.sqlite") as ledger:
            for name, number, writes in steps:
                if writes:
                    await ledger.store(make_entry(name, number))
                    stored.setdefault(name, set()).add(number)
                else:
                    cuts = stored.get(name, set())
                    expected = 0 if 0 in cuts else min((cut for cut in cuts if cut >= max(1, number)), default=None)
                    found = await ledger.find(make_entry(name).key, max(1, number))
                    assert (found.cut_at if found else None) == expected

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(folder))


def test_a_cancelled_run_still_stores_what_it_handed_over(tmp_path: Path) -> None:
    async def run() -> Entry | None:
        async with opened(f"sqlite:///{tmp_path / 'l.sqlite'}") as ledger:
            storing = asyncio.ensure_future(ledger.store(make_entry("a")))
            await asyncio.sleep(0)
            storing.cancel()
            return await ledger.find(make_entry("a").key, 1)

    assert asyncio.run(run()) is not None


def test_a_full_disk_is_named_and_the_ledger_goes_on(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(f"sqlite:///{tmp_path / 'l.sqlite'}") as ledger:
            await ledger.store(make_entry("before"))
            with ledger.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA max_page_count = 8")
            big = make_entry("big", text=os.urandom(50_000).hex())
            with pytest.raises(ModelError, match=r"l\.sqlite\) failed: .*full.*Free disk space"):
                await ledger.store(big)
            assert await ledger.find(make_entry("before").key, 1) == make_entry("before")
            with ledger.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA max_page_count = 100000")
            assert await ledger.store(big) == big

    asyncio.run(run())


def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    path.write_text("no database at all, but long enough to look like a page of one" * 100)
    with pytest.raises(ModelError, match=r"ledger\.url: .*not a database"):
        Ledger.at(path)


def test_a_table_destroyed_while_in_use_is_an_error_not_a_silence(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(f"sqlite:///{tmp_path / 'l.sqlite'}") as ledger:
            await ledger.store(make_entry("a"))
            with sqlite3.connect(tmp_path / "l.sqlite") as connection:
                connection.execute("UPDATE responses SET body = 'torn'")
            with pytest.raises(ModelError, match=r"response [0-9a-f]{64} is damaged"):
                await ledger.find(make_entry("a").key, 1)
            with sqlite3.connect(tmp_path / "l.sqlite") as connection:
                connection.execute("DROP TABLE responses")
            with pytest.raises(ModelError, match="no such table"):
                await ledger.store(make_entry("a"))

    asyncio.run(run())


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", r"ledger\.url: .*parse"),
        ("sqlite:////no/such/folder/l.sqlite", r"ledger\.url: .*unable to open"),
        ("postgresql+psycopg://user:pass-word@127.0.0.1:9/x", r"ledger\.url: .*(refused|psycopg)"),
    ],
)
def test_a_ledger_that_cannot_be_opened_is_named_without_its_password(url: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as raised:
        Ledger(url)
    assert "pass-word" not in str(raised.value)


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(ModelError, match=r"paths\.data: .*deeper cannot be made"):
        open_ledger(None, tmp_path / "data" / "deeper")


def test_odd_characters_in_the_path_are_no_part_of_a_url(tmp_path: Path) -> None:
    folder = tmp_path / "my data?x=%20#1"
    open_ledger(None, folder).close()
    assert (folder / "ledger.sqlite").is_file()


def test_a_closed_ledger_says_so_and_closes_again(tmp_path: Path) -> None:
    async def run() -> None:
        ledger = Ledger.at(tmp_path / "l.sqlite")
        ledger.close()
        ledger.close()
        with pytest.raises(ModelError, match="closed"):
            await ledger.find(make_entry("a").key, 1)

    asyncio.run(run())
