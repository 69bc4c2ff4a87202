"""The files of a batch: requests go up, a line each, and what comes back becomes responses in the ledger."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from persona_assets.llm.batch_api import ENDPOINT, BatchApi, BatchState
from persona_assets.llm.batch_table import BatchTable, Flight
from persona_assets.llm.chat_server import NoCompletionError, ServerError, describe_error
from persona_assets.llm.dialect import Call
from persona_assets.llm.entries import make_entry, read_limit
from persona_assets.llm.ledger_table import Entry
from persona_assets.llm.provider import read_batch_body, write_batch_body
from persona_assets.llm.request import ChatRequest

_LONGEST_FILE = 150_000_000
"""Bytes of one batch's requests: OpenAI takes 200 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Waiter:
    """A request that somebody waits for, and the call that it becomes.

    `landing` receives the stored response, or why there is none.
    """

    request: ChatRequest
    key: str
    call: Call
    landing: "asyncio.Future[Entry]"

    @property
    def flight(self) -> Flight:
        """Its key and token limit."""
        return self.key, read_limit(self.request)

    def write_line(self) -> bytes:
        """Its line in the file of requests."""
        body = write_batch_body(self.request.model, self.call)
        line = {"custom_id": name_request(self.flight), "method": "POST", "url": ENDPOINT, "body": body}
        return json.dumps(line).encode() + b"\n"


def name_request(flight: Flight) -> str:
    """The name of a request within a batch."""
    key, max_tokens = flight
    # Providers take 64 characters; 48 digits of a hash are as good as all.
    return f"{key[:48]}-{max_tokens}"


def cut_files(lines: Sequence[tuple[Waiter, bytes]]) -> Iterator[dict[Waiter, bytes]]:
    """Cut lines into files that providers take."""
    part: dict[Waiter, bytes] = {}
    size = 0
    for waiter, line in lines:
        if part and size + len(line) > _LONGEST_FILE:
            yield part
            part, size = {}, 0
        part[waiter] = line
        size += len(line)
    if part:
        yield part


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
