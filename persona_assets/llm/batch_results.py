"""What came of a batch: its result files become responses in the ledger, and the batch is struck out."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from persona_assets.llm.batch_api import BatchApi, BatchState
from persona_assets.llm.batch_table import BatchTable, Flight
from persona_assets.llm.chat_server import NoCompletionError, ServerError, describe_error
from persona_assets.llm.entries import make_entry
from persona_assets.llm.ledger_table import Entry
from persona_assets.llm.provider import read_batch_body


@dataclass(frozen=True, slots=True)
class Collected:
    """What came of a batch. `problems`: requests that got none, with what the provider said."""

    entries: dict[Flight, Entry] = field(default_factory=dict)
    problems: dict[Flight, Exception] = field(default_factory=dict)


async def collect_batch(api: BatchApi, table: BatchTable, nonce: str, state: BatchState) -> Collected:
    """Store what came of a batch, strike it out and remove its files from the provider."""
    requests = await asyncio.to_thread(table.read_requests, nonce)
    asked = {name_request((each.key, each.max_tokens)): each for each in requests}
    entries: list[Entry] = []
    collected = Collected()
    flights: list[Flight] = []
    for file_id in state.files:
        for line in await api.read(file_id):
            request = asked.get(str(line.get("custom_id")))
            if request is None:
                continue
            flight = (request.key, request.max_tokens)
            try:
                entries.append(make_entry(request, read_batch_body(request.model, _read_line(line))))
                flights.append(flight)
            except (ServerError, NoCompletionError) as error:
                collected.problems[flight] = error
    stored = await asyncio.to_thread(table.strike, nonce, entries)
    collected.entries.update(zip(flights, stored, strict=True))
    for file_id in filter(None, (state.input_file, *state.files)):
        await api.delete(file_id)
    return collected


def _read_line(line: Mapping[str, Any]) -> dict[str, Any]:
    response = line.get("response")
    if isinstance(response, dict) and response.get("status_code") == 200 and isinstance(response.get("body"), dict):
        return response["body"]  # type: ignore[no-any-return]
    status = response.get("status_code") if isinstance(response, dict) else None
    if isinstance(status, int) and status != 200:
        raise ServerError(describe_error(response.get("body") if isinstance(response, dict) else None), status, {})
    # Expired, cancelled, or broken off: it may be asked again.
    raise NoCompletionError(describe_error(line.get("error") or line))


def name_request(flight: Flight) -> str:
    """The name of a request within a batch."""
    key, max_tokens = flight
    # Providers take 64 characters; 48 digits of a hash are as good as all.
    return f"{key[:48]}-{max_tokens}"
