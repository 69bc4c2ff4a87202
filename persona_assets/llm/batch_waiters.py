"""Requests on their way into a batch, each with whoever waits for its answer."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from persona_assets.llm.batch_api import ENDPOINT
from persona_assets.llm.batch_results import name_request
from persona_assets.llm.batch_table import Flight
from persona_assets.llm.dialect import Call
from persona_assets.llm.entries import Asked, describe_request, read_limit
from persona_assets.llm.ledger_table import Entry
from persona_assets.llm.provider import write_batch_body
from persona_assets.llm.request import ChatRequest

_LONGEST_FILE = 150_000_000
"""Bytes of one batch's requests: OpenAI takes 200 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Waiter:
    """A request that somebody waits for.

    Attributes:
        call: the same, as the server takes it.
        landing: receives the stored response, or why there is none.
    """

    request: ChatRequest
    key: str
    call: Call
    landing: "asyncio.Future[Entry]"

    @property
    def flight(self) -> Flight:
        """Its key and token limit."""
        return self.key, read_limit(self.request)

    def describe(self) -> Asked:
        """What is noted of it."""
        return describe_request(self.request, self.key, self.call)

    def write_line(self) -> bytes:
        """Its line in the file of requests."""
        body = write_batch_body(self.request.model, self.call)
        line = {"custom_id": name_request(self.flight), "method": "POST", "url": ENDPOINT, "body": body}
        return json.dumps(line).encode() + b"\n"


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
