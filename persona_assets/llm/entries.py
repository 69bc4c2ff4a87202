"""Between a request, its response and the ledger: what is stored of both, and the reply that is read from it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from persona_assets.llm.completion import read_text
from persona_assets.llm.dialect import Call, derive_seed
from persona_assets.llm.ledger_table import NO_LIMIT, Entry
from persona_assets.llm.provider import RawReply
from persona_assets.llm.request import ChatRequest, Reply


@dataclass(frozen=True, slots=True)
class Asked:
    """What the ledger needs to know of a request before its response is there.

    Attributes:
        max_tokens: limit of the reply; `NO_LIMIT` where there is none.
        key, parameters, origin_id: as in `Entry`.
    """

    key: str
    max_tokens: int
    model: str
    task: str
    shard: str
    prompt_hash: str
    parameters: str
    origin_id: str = ""


def read_limit(request: ChatRequest) -> int:
    """The limit of a request as the ledger counts it: one that is unset is longer than any."""
    return NO_LIMIT if request.max_tokens is None else request.max_tokens


def describe_request(request: ChatRequest, key: str, call: Call) -> Asked:
    """Say what is asked."""
    drawn_by = {"temperature": request.temperature, "top_p": request.top_p}
    left_out = [name for name, value in drawn_by.items() if value is not None and name not in call.parameters]
    parameters = {
        **drawn_by,
        "max_tokens": request.max_tokens,
        "sample": request.sample,
        "seed": derive_seed(key),
        **({"response_format": call.asked_by} if call.asked_by else {}),
        **({"left_out": left_out} if left_out else {}),
    }
    origin = request.model, request.task, request.shard, request.prompt_hash
    return Asked(key, read_limit(request), *origin, json.dumps(parameters, sort_keys=True), request.origin_id)


def make_entry(asked: Asked, raw: RawReply) -> Entry:
    """Make what the ledger stores of a response."""
    cut_at = asked.max_tokens if read_text(raw.body).reason == "length" else 0
    origin = asked.model, asked.task, asked.shard, asked.prompt_hash, asked.parameters
    response = raw.body, raw.prompt_tokens, raw.completion_tokens, raw.cost
    return Entry(asked.key, cut_at, *origin, *response, datetime.now(UTC), asked.origin_id)


def make_reply(entry: Entry, cached: bool, cost: float | None) -> Reply:
    """Read the reply out of what the ledger stores. `cost`: US dollars, as whoever asks now paid them."""
    answer = read_text(entry.response)
    tokens = entry.prompt_tokens, entry.completion_tokens
    # From the ledger, so that a table made of stored replies says the same as the one made when they came.
    asked_by = _read_format(entry.parameters)
    return Reply(entry.key, answer.text, answer.reason, *tokens, cost, cached, asked_by, answer.reasoning)


def _read_format(parameters: str) -> str | None:
    # Plain text, the usual case, is told without reading.
    if "response_format" not in parameters:
        return None
    found: str | None = json.loads(parameters).get("response_format")
    return found
