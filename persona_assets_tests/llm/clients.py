"""Asking a server through a client of its own event loop, as each asset does."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from persona_assets.llm.budget import Budget
from persona_assets.llm.client import ModelClient
from persona_assets.llm.ledger import Ledger
from persona_assets.llm.request import ChatRequest, Reply
from persona_assets.llm.usage import Usage
from persona_assets.settings import BudgetSettings, ModelSettings

T = TypeVar("T")

transport = "auto"
"""`model.transport` of the clients made here; the fixture `transport` sets it."""


def make_request(text: str = "hi", **changes: Any) -> ChatRequest:
    values: dict[str, Any] = {"model": "openai/anything", "temperature": 0.5, "max_tokens": 64, "task": "math"}
    return ChatRequest(messages=[{"role": "user", "content": text}], **{**values, **changes})


def ask(
    folder: Path,
    url: str,
    work: Callable[[ModelClient], Awaitable[T]],
    wait: float = 0.01,
    budget: BudgetSettings | None = None,
    **settings: Any,
) -> tuple[T, Usage]:
    """Do some work with a client of its own event loop, as each asset does."""

    async def run() -> T:
        ledger = Ledger.at(folder / "ledger.sqlite")
        values = {"name": "openai/anything", "api_base": url, "timeout": 10.0, "transport": transport, **settings}
        client = ModelClient(ModelSettings(**values), ledger, usage, wait, Budget(budget or BudgetSettings(), ledger))
        try:
            return await work(client)
        finally:
            await client.close()
            ledger.close()

    usage = Usage()
    return asyncio.run(run()), usage


def ask_all(*texts: str, **changes: Any) -> Callable[[ModelClient], Awaitable[list[Reply | BaseException]]]:
    async def work(client: ModelClient) -> list[Reply | BaseException]:
        asked = (client.ask(make_request(text, **changes)) for text in texts)
        return await asyncio.gather(*asked, return_exceptions=True)

    return work
