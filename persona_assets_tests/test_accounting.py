"""The two equations of the accounting, and the way to JSON and back."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.accounting import Accounting

COUNTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 9))
BALANCED = st.builds(
    lambda rows, dropped, quarantined: Accounting.of_rows(
        rows + sum(dropped.values()) + sum(quarantined.values()), rows, dropped, quarantined
    ),
    st.integers(0, 99),
    COUNTS,
    COUNTS,
)


@given(BALANCED, BALANCED)
def test_balanced_accounts_stay_balanced_when_added(one: Accounting, other: Accounting) -> None:
    total = Accounting()
    for part in (one, other):
        total.add(part)
    assert total.find_imbalance() is None
    assert total.planned == one.planned + other.planned
    assert total.dropped == one.dropped + other.dropped


@given(BALANCED)
def test_an_account_survives_json(account: Accounting) -> None:
    assert Accounting.from_dict(json.loads(json.dumps(account.to_dict()))) == account


def test_adding_leaves_the_other_account_alone() -> None:
    other = Accounting.of_rows(1, 0, {"short": 1}, {})
    total = Accounting()
    total.add(other)
    total.add(other)
    assert (other.dropped["short"], total.dropped["short"]) == (1, 2)


def test_a_row_with_two_flags_is_one_flagged_row() -> None:
    account = Accounting(rows=3)
    account.count_flags([["too_long", "no_person"], [], ["too_long"]])
    assert (account.flagged, dict(account.flags)) == (2, {"too_long": 2, "no_person": 1})
    assert Accounting.from_dict(account.to_dict()) == account  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("account", "message"),
    [
        (Accounting(planned=2, answered=1), "planned 2 is not answered 1 + refused 0"),
        (Accounting(parsed=2, rows=1), "parsed 2 is not rows 1 + dropped 0 + quarantined 0"),
    ],
)
def test_an_imbalance_is_said(account: Accounting, message: str) -> None:
    assert account.find_imbalance() == message


def test_reasons_are_in_alphabetical_order() -> None:
    account = Accounting.of_rows(3, 0, {"short": 1, "long": 1, "empty": 1}, {})
    assert list(account.to_dict()["dropped"]) == ["empty", "long", "short"]  # type: ignore[arg-type]


def test_rows_that_a_setting_leaves_out_are_no_tasks() -> None:
    account = Accounting(planned=2, answered=2)
    account.add(Accounting(skipped=Counter(max_frontier=3)))
    assert account.planned == 2
    assert account.refused.total() == 0
    assert account.find_imbalance() is None
    assert Accounting.from_dict(account.to_dict()).skipped == {"max_frontier": 3}  # type: ignore[arg-type]
