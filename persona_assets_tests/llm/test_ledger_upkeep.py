"""Looking after the ledger: the account of spending, reading all of it, and pruning beside runs."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from persona_assets.errors import ModelError
from persona_assets.llm.ledger import Entry, Ledger
from persona_assets.llm.ledger_upkeep import Holding, LedgerUpkeep, Selection, Spending, open_upkeep
from persona_assets_tests.llm.test_ledger import make_entry, opened

OLD, NEW = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def upkeep(url: str) -> Iterator[LedgerUpkeep]:
    with closing(LedgerUpkeep(url)) as opened_ledger:
        yield opened_ledger


def store(url: str, *entries: Entry) -> None:
    async def run() -> None:
        async with opened(url) as ledger:
            await asyncio.gather(*map(ledger.store, entries))

    asyncio.run(run())


def make_some() -> list[Entry]:
    cheap = [replace(make_entry(f"a{n}"), model="openai/a", cost=0.25, created_at=OLD) for n in range(3)]
    unknown = [replace(make_entry(f"b{n}"), model="own/b", task="logic", created_at=NEW) for n in range(2)]
    return [*cheap, replace(make_entry("b2"), model="own/b", cost=1.5, created_at=NEW), *unknown]


def test_spending_counts_calls_hits_tokens_and_unknown_prices(url: str, upkeep: LedgerUpkeep) -> None:
    store(url, *make_some())

    async def hit() -> None:
        async with opened(url) as ledger:
            for _ in range(2):
                assert await ledger.find(make_entry("a0").key, 1)
            assert await ledger.find(make_entry("none").key, 1) is None
            await ledger.store(replace(make_entry("a0", text="by another process"), model="openai/a", cost=0.25))

    asyncio.run(hit())
    # The response that came second was paid for, too.
    assert upkeep.list_spending() == [
        Spending("openai/a", "math", 4, 2, 28, 20, 1.0, 0),
        Spending("own/b", "logic", 2, 0, 14, 10, 0.0, 2),
        Spending("own/b", "math", 1, 0, 7, 5, 1.5, 0),
    ]
    (first, *_) = upkeep.list_holdings(Selection())
    assert (first.responses, first.cost, first.unpriced) == (3, 0.75, 0)
    assert upkeep.measure() > 1_000


def test_hits_alone_are_counted_when_the_ledger_closes(url: str, upkeep: LedgerUpkeep) -> None:
    store(url, make_entry("a"))

    async def hit() -> None:
        async with opened(url) as ledger:
            await ledger.find(make_entry("a").key, 1)

    asyncio.run(hit())
    assert upkeep.list_spending()[0].hits == 1


def test_a_ledger_without_an_account_gets_one_of_what_it_holds(url: str) -> None:
    store(url, *make_some())
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE spending"))
    engine.dispose()
    for _ in range(2):
        with closing(LedgerUpkeep(url)) as upkeep:
            counted = [(row.model, row.asset, row.calls, row.cost, row.unpriced) for row in upkeep.list_spending()]
        assert counted == [("openai/a", "math", 3, 0.75, 0), ("own/b", "logic", 2, 0, 2), ("own/b", "math", 1, 1.5, 0)]


def test_all_responses_are_read_page_by_page(url: str, upkeep: LedgerUpkeep) -> None:
    entries = [make_entry(str(n), cut) for n in range(450) for cut in (0, 64, 128)]
    store(url, *entries)
    pages = list(upkeep.read_all(Selection()))
    assert [len(page) for page in pages] == [500, 500, 350]
    assert [entry for page in pages for entry in page] == sorted(entries, key=lambda entry: (entry.key, entry.cut_at))


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        (Selection(model="openai/a"), 3),
        (Selection(asset="logic"), 4),
        (Selection(before=NEW), 3),
        (Selection(model="own/b", before=NEW), 6),
        (Selection(model="own/b", asset="math"), 5),
    ],
)
def test_pruning_removes_what_every_filter_matches_and_keeps_the_account(
    url: str, upkeep: LedgerUpkeep, selection: Selection, left: int
) -> None:
    store(url, *make_some())
    spending = upkeep.list_spending()
    announced = upkeep.list_holdings(selection)
    assert upkeep.prune(selection) == announced
    assert sum(holding.responses for holding in announced) == 6 - left
    assert sum(len(page) for page in upkeep.read_all(Selection())) == left
    assert upkeep.list_spending() == spending


def test_responses_that_are_named_stay(url: str, upkeep: LedgerUpkeep) -> None:
    entries = [make_entry(str(n)) for n in range(1_200)]
    store(url, *entries)
    named = [bytes.fromhex(entry.key) for entry in entries[:1_100]]
    for _ in range(2):
        found = upkeep.list_holdings(Selection(), iter([*named, *named]))
        assert [holding.responses for holding in found] == [100]
    upkeep.prune(Selection(), iter(named))
    assert {entry.key for page in upkeep.read_all(Selection()) for entry in page} == {key.hex() for key in named}


def test_nothing_is_removed_while_a_run_uses_the_ledger(url: str, upkeep: LedgerUpkeep) -> None:
    store(url, make_entry("a"))
    with closing(Ledger(url)), closing(Ledger(url)):
        assert upkeep.list_holdings(Selection())
        with pytest.raises(ModelError, match=r"in use by a run.*Nothing was removed"):
            upkeep.prune(Selection())
    assert [holding.responses for holding in upkeep.prune(Selection())] == [1]
    assert upkeep.list_holdings(Selection()) == []


def test_a_run_that_ended_leaves_the_ledger_free_at_once(url: str, upkeep: LedgerUpkeep) -> None:
    for _ in range(100):
        Ledger(url).close()
        assert upkeep.prune(Selection()) == []


def test_pruning_gives_the_disk_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'l.sqlite'}"
    store(url, *(make_entry(str(n), text=str(list(range(n, n + 2_000)))) for n in range(200)))
    with closing(LedgerUpkeep(url)) as upkeep:
        before = upkeep.measure()
        upkeep.prune(Selection())
        assert upkeep.measure() < before / 10


def test_a_ledger_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no ledger at .*ledger\.sqlite yet.*paths\.data"):
        open_upkeep(None, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_holdings_say_what_responses_cost(url: str, upkeep: LedgerUpkeep) -> None:
    store(url, *make_some())
    found = upkeep.list_holdings(Selection(model="own/b"))
    assert [replace(holding, size=0) for holding in found] == [
        Holding("own/b", "logic", 2, 0, 0.0, 2),
        Holding("own/b", "math", 1, 0, 1.5, 0),
    ]
    assert all(holding.size > 20 for holding in found)


def test_what_was_asked_about_a_row_is_forgotten_chosen_or_not(url: str, upkeep: LedgerUpkeep) -> None:
    chosen = replace(make_entry("a"), origin_id="per_1")
    other = replace(make_entry("b"), origin_id="per_1")
    unnamed = make_entry("c")
    talk = replace(make_entry("d"), task="persona_talks", origin_id="per_2")
    stays = replace(make_entry("e"), task="tools", origin_id="per_2")
    store(url, chosen, other, unnamed, talk, stays)
    gone = upkeep.forget([bytes.fromhex(unnamed.key)], ["per_1"], [("persona_talks", "per_2")])
    assert gone == 4
    assert [entry.key for page in upkeep.read_all(Selection()) for entry in page] == [stays.key]
    assert sum(row.calls for row in upkeep.list_spending()) == 5


def test_a_ledger_of_an_older_version_gets_the_column_that_joined(url: str) -> None:
    store(url, make_entry("a"))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE responses DROP COLUMN origin_id")
    engine.dispose()
    store(url, replace(make_entry("b"), origin_id="per_1"))
    with closing(LedgerUpkeep(url)) as upkeep:
        entries = [entry for page in upkeep.read_all(Selection()) for entry in page]
    assert sorted(entry.origin_id for entry in entries) == ["", "per_1"]
