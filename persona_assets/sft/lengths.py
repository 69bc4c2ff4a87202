"""Lengths in tokens of the model to be trained, and cuts that never fall inside a turn."""

import polars as pl

from persona_assets.lake import iter_frames
from persona_assets.llm.tokenizer import Chat, ChatTokenizer

_SCHEMA = {"example_id": pl.String, "n_messages": pl.Int32, "n_tokens": pl.Int64}


def measure_lengths(candidates: pl.LazyFrame, tokenizer: ChatTokenizer, max_tokens: int | None) -> pl.DataFrame:
    """Count the tokens of candidates, and find how many whole turns fit.

    Args:
        max_tokens: limit; None for none.

    Returns:
        example_id, n_messages (those that stay, the system's among them; 0 where not even the first exchange fits) and
        their n_tokens.
    """
    rows = [
        (example_id, *fit_turns(tokenizer, messages, max_tokens))
        for frame in iter_frames(candidates.select("example_id", "messages"))
        for example_id, messages in frame.iter_rows()
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def fit_turns(tokenizer: ChatTokenizer, messages: Chat, max_tokens: int | None) -> tuple[int, int]:
    """How many messages fit, from the first on, and their tokens; what stays ends with the assistant's turn."""
    ends = tokenizer.encode(messages).ends
    fitting = [
        (number, end)
        for number, (message, end) in enumerate(zip(messages, ends, strict=True), start=1)
        if message["role"] == "assistant" and (max_tokens is None or end <= max_tokens)
    ]
    return fitting[-1] if fitting else (0, 0)
