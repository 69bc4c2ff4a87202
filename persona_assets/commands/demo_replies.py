"""The recorded replies of the sample: a ledger export that a strong model wrote, played through the real client."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from rich.console import Console

from persona_assets.commands import say
from persona_assets.commands.ledger import import_responses
from persona_assets.commands.ledger_files import write_entries
from persona_assets.lake import Lake
from persona_assets.lineage import list_named_responses
from persona_assets.llm.cost_bound import price_tokens
from persona_assets.llm.ledger import Entry
from persona_assets.llm.ledger_upkeep import Selection, open_upkeep
from persona_assets.settings import PACKAGE, Settings

RECORDED_MODEL = "recorded/frontier"
REPLIES = PACKAGE / "sample" / "replies.jsonl"


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls and tokens of replies, as far as the server that they came through counted them."""

    calls: int
    prompt_tokens: int
    completion_tokens: int

    def price(self, model: str) -> float | None:
        """What another model would have cost for as many tokens, in US dollars; None where its price is unknown."""
        return price_tokens(model, self.prompt_tokens, self.completion_tokens)


def load_replies(settings: Settings) -> None:
    """Put the recorded replies into the ledger of the data folder."""
    if REPLIES.is_file():
        import_responses(settings, REPLIES)


def record_replies(settings: Settings, console: Console) -> None:
    """Write the replies behind the tables of the sample to `REPLIES`, without those that nothing asks for any more."""
    entries = sorted(_list_used(settings), key=lambda entry: (entry.task, entry.key))
    count = write_entries(REPLIES, [[replace(entry, cost=0.0) for entry in entries]])
    say(console, f"{REPLIES}: {count:,} replies")


def measure_usage(settings: Settings) -> Usage:
    """Count the calls and tokens behind the tables of the sample."""
    used = list(_list_used(settings))
    return Usage(len(used), sum(one.prompt_tokens for one in used), sum(one.completion_tokens for one in used))


def _list_used(settings: Settings) -> Iterator[Entry]:
    named = set(list_named_responses(Lake(settings.lake)))
    with closing(open_upkeep(settings.ledger.url, settings.data)) as ledger:
        entries = [entry for page in ledger.read_all(Selection(model=settings.model.name)) for entry in page]
    # A vote that lost is named by no row, but was asked about the same row by the same prompt as one that is.
    asked = {_identify(entry) for entry in entries if entry.key in named}
    return (entry for entry in entries if _identify(entry) in asked)


def _identify(entry: Entry) -> tuple[str, str, str]:
    return entry.task, entry.origin_id, entry.prompt_hash
