"""Several models that share the work of one asset, as solvers that must agree do."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from persona_assets.llm.client import ModelClient
from persona_assets.llm.request import ChatRequest, Reply


class Answerer(Protocol):
    """Whoever answers requests: a client, or several of them."""

    names: tuple[str, ...]
    window: int

    async def ask(self, request: ChatRequest) -> Reply:
        """Answer a request; see `ModelClient.ask`."""


class ModelTeam:
    """Clients of several models, one each, behind one interface; the first one's settings count where none is named."""

    def __init__(self, clients: Sequence[ModelClient]) -> None:
        self.settings = clients[0].settings
        self.usage = clients[0].usage
        self.window = min(client.window for client in clients)
        self._clients = {client.settings.name: client for client in clients}
        self.names = tuple(self._clients)

    async def ask(self, request: ChatRequest) -> Reply:
        """Answer a request by the model that it names."""
        return await self._clients[request.model].ask(request)

    async def close(self) -> None:
        """Close every client."""
        await asyncio.gather(*(client.close() for client in self._clients.values()))
