"""Packing: several whole examples in one row of token ids, so that a batch holds hardly any padding."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from persona_assets.llm.tokenizer import ChatTokenizer, EncodedChat

_WINDOW = 10_000
"""Examples that are packed together: enough for rows to be full, few enough for memory."""

_SCHEMA = pa.schema(
    [
        ("input_ids", pa.list_(pa.int32())),
        ("labels", pa.list_(pa.int32())),
        ("position_ids", pa.list_(pa.int32())),
        ("seq_lengths", pa.list_(pa.int32())),
        ("example_ids", pa.list_(pa.string())),
        ("synthetic", pa.bool_()),
    ]
)


def write_packed(path: Path, rows: pl.LazyFrame, tokenizer: ChatTokenizer, length: int) -> Mapping[str, float]:
    """Write examples packed.

    Args:
        rows: example_id and messages, none longer than a row.
        length: of a row, in tokens.

    Returns:
        `rows` written, and `filled`, the share of their places that hold a token.
    """
    count, tokens = 0, 0
    with pq.ParquetWriter(path, _SCHEMA) as writer:
        for frame in rows.select("example_id", "messages").collect_batches(chunk_size=_WINDOW, maintain_order=True):
            chats = [tokenizer.encode(messages) for messages in frame["messages"].to_list()]
            packed = list(_join(frame["example_id"].to_list(), chats, length))
            writer.write_table(pa.Table.from_pylist(packed, _SCHEMA))
            count += len(packed)
            tokens += sum(len(chat.input_ids) for chat in chats)
    return {"rows": count, "filled": tokens / (count * length) if count else 0.0}


def pack_lengths(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Put lengths into as few rows as is cheap to find: best fit decreasing (Johnson 1974).

    Args:
        lengths: none above `room`.

    Returns:
        For each row the places of what it holds.
    """
    rows: list[list[int]] = []
    free: list[tuple[int, int]] = []
    for place in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        need = lengths[place]
        found = bisect_left(free, (need, -1))
        space, row = free.pop(found) if found < len(free) else (room, len(rows))
        if row == len(rows):
            rows.append([])
        rows[row].append(place)
        insort(free, (space - need, row))
    return rows


def _join(ids: Sequence[str], chats: Sequence[EncodedChat], length: int) -> Iterator[dict[str, Any]]:
    for places in pack_lengths([len(chat.input_ids) for chat in chats], length):
        parts = [chats[place] for place in places]
        yield {
            "input_ids": [token for part in parts for token in part.input_ids],
            "labels": [label for part in parts for label in part.labels],
            # Each example begins at 0 again: attention that looks at positions keeps them apart.
            "position_ids": np.concatenate([np.arange(len(part.input_ids)) for part in parts]).tolist(),
            "seq_lengths": [len(part.input_ids) for part in parts],
            "example_ids": [ids[place] for place in places],
            "synthetic": True,
        }
