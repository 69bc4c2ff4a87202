"""Askers on the scripted model, for tests of what asks a model: real client, real ledger, real provider."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import polars as pl

from persona_assets.accounting import Accounting
from persona_assets.llm.asker import Asker
from persona_assets.llm.client import ModelClient
from persona_assets.llm.ledger import Ledger
from persona_assets.llm.usage import Usage
from persona_assets.prompts import Prompt, PromptFile
from persona_assets.settings import PACKAGE, ModelSettings, TaskSettings
from persona_assets.tables import Batch

PROMPTS = PACKAGE.parent / "prompts"
P = TypeVar("P", bound=PromptFile)


@dataclass(frozen=True, slots=True)
class Made:
    """All batches of a table, put together."""

    rows: pl.DataFrame
    quarantined: pl.DataFrame
    accounting: Accounting

    def reasons(self) -> dict[str, int]:
        """Rows in quarantine by reason."""
        return dict(self.quarantined.group_by("reason").len().iter_rows())


def put_together(batches: Sequence[Batch]) -> Made:
    """Join batches, and assert that nothing of them is unaccounted for."""
    total = Accounting()
    for batch in batches:
        assert batch.accounting.find_imbalance() is None
        assert batch.accounting.rows == batch.rows.height
        assert batch.accounting.quarantined.total() == batch.quarantined.height
        total.add(batch.accounting)
    return Made(
        pl.concat([batch.rows for batch in batches]), pl.concat([batch.quarantined for batch in batches]), total
    )


@contextmanager
def open_client(folder: Path, model: str = "scripted/plain") -> Iterator[ModelClient]:
    """A client with a ledger in a folder."""
    ledger = Ledger.at(folder / "ledger.sqlite")
    try:
        yield ModelClient(ModelSettings(name=model), ledger, Usage())
    finally:
        ledger.close()


def ask(
    folder: Path,
    prompt: Prompt[P],
    make: Callable[[Asker[P]], AsyncIterator[Batch]],
    model: str = "scripted/plain",
    settings: TaskSettings | None = None,
) -> Made:
    """Make a table with the scripted model.

    Args:
        folder: of the ledger; the same folder again finds the replies there.
        prompt: the asset's prompt.
        make: the domain function under test.
        model: which scripted model.
        settings: what the asset's settings change.
    """

    async def collect() -> list[Batch]:
        with open_client(folder, model) as client:
            asker = Asker(client, prompt, prompt.name, "shard", settings or TaskSettings())
            return [batch async for batch in make(asker)]

    return put_together(asyncio.run(collect()))


async def compare_by_length(texts: Sequence[str]) -> list[list[float]]:
    """Similarities that need no embedding model: the longest text is the nearest to the first, none to another."""
    return [[len(text) / 1_000 for text in texts], *([0.0] * len(texts) for _ in texts[1:])]
