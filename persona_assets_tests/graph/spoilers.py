"""What may happen to a table after it was published, so that its checks have something to find."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl
import pyarrow.parquet as pq

from persona_assets.io import LakeIOManager
from persona_assets.tables import TableInfo

ChangeRows = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Spoiler:
    """A change of one table.

    Attributes:
        asset: the table.
        rows: changes its rows; the account stays as it was, unless `counts` changes it.
        counts: changes the account.
    """

    asset: str
    rows: ChangeRows | None = None
    counts: Mapping[str, Any] | None = None

    def spoil(self, info: TableInfo) -> None:
        """Rewrite the table's file."""
        frame = pl.read_parquet(info.path)
        values = json.loads(pq.read_metadata(info.path).metadata[b"persona_assets"])
        changed = self.rows(frame) if self.rows else frame
        values["accounting"] |= self.counts or {}
        table = changed.to_arrow(compat_level=pl.CompatLevel.oldest())
        pq.write_table(table.replace_schema_metadata({"persona_assets": json.dumps(values)}), info.path)


def spoil_after_publishing(spoiler: Spoiler) -> type[LakeIOManager]:
    """An IO manager under which the table is spoilt as soon as it is published."""

    class SpoilingIOManager(LakeIOManager):
        def handle_output(self, context: dg.OutputContext, obj: TableInfo) -> None:
            super().handle_output(context, obj)
            if obj.asset == spoiler.asset:
                spoiler.spoil(obj)

    return SpoilingIOManager


def set_first(column: str, value: Any) -> ChangeRows:
    """Set a column of the first row."""
    return lambda frame: frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(value, frame.schema[column])).otherwise(column).alias(column)
    )


def set_turn(column: str, turn: int, content: str) -> ChangeRows:
    """Say something else in one turn of the first row's session."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        turns = frame[column].to_list()
        turns[0][turn]["content"] = content
        return frame.with_columns(pl.Series(column, turns, dtype=frame.schema[column]))

    return change


def repeat_first(frame: pl.DataFrame) -> pl.DataFrame:
    """Let the last row be the first one again."""
    return pl.concat([frame.head(-1), frame.head(1)])
