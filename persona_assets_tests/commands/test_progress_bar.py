"""What a person sees of an asset while it is made."""

from persona_assets.accounting import Accounting
from persona_assets.commands.progress_bar import describe_counts
from persona_assets.llm.usage import Usage


def test_calls_tokens_and_spend_are_shown() -> None:
    usage = Usage(calls=3, cached=2, prompt_tokens=900, completion_tokens=99, cost=0.5, concurrency=8, limit=16)
    assert describe_counts(Accounting(rows=4), usage) == "4 rows, 3+2 calls, 999 tok, $0.5000"


def test_flagged_rows_are_shown() -> None:
    assert describe_counts(Accounting(rows=4, flagged=1), None) == "4 rows (1 flagged)"


def test_a_provider_that_has_too_much_to_do_is_shown() -> None:
    usage = Usage(calls=3, prompt_tokens=900, retries=9, throttled=7, concurrency=16, limit=4)
    assert describe_counts(Accounting(rows=4), usage) == "4 rows, 3+0 calls, slowed 7x to 4, $0"
