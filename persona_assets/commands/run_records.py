"""What Dagster remembers of runs: previews, check results and logs, taken out where they show what was forgotten."""

import json
import shutil
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    import dagster as dg

_PARTITION = "dagster/partition"
_NO_RUN = ""
"""What Dagster calls the run of an event that was told without one."""

_EVENTS_AT_ONCE = 1_000
_HEAD = 40
"""Characters of a text by which it is known: previews cut long ones, and write some signs otherwise."""


@dataclass(frozen=True, slots=True)
class TableRecord:
    """A table as Dagster is told of it. `partition`: its shard; none if it is not partitioned."""

    asset: str
    partition: str | None
    data_version: str
    code_version: str | None
    metadata: Mapping[str, Any]


def list_runs(
    instance: "dg.DagsterInstance", partitions: Collection[str], texts: Sequence[str]
) -> list[tuple[str, str | None]]:
    """The finished runs of some partitions, those of none, and those whose records quote a text.

    What `report_tables` told is of no run: where any of it quotes a text, all of it is listed, by its partitions.

    Args:
        texts: a run of another shard may show them, among the nearest of its own.
    """
    quoting = _find_quoting(instance, texts)
    told = _list_told(instance) if _NO_RUN in quoting else []
    return [
        *((_NO_RUN, partition) for partition in told),
        *(
            (run.run_id, run.tags.get(_PARTITION))
            for run in instance.get_runs()
            if run.is_finished and (run.tags.get(_PARTITION) in {None, *partitions} or run.run_id in quoting)
        ),
    ]


def _list_told(instance: "dg.DagsterInstance") -> list[str | None]:
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events
    from sqlalchemy import select

    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        rows = connection.execute(select(Events.c.partition).where(Events.c.run_id == _NO_RUN).distinct())
        return [row[0] for row in rows]


def _find_quoting(instance: "dg.DagsterInstance", texts: Sequence[str]) -> set[str]:
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
    from sqlalchemy import select

    # As the records, which are JSON, have them.
    quoted = [json.dumps(text[:_HEAD])[1:-1] for text in texts]
    columns = [
        (SqlEventLogStorageTable.c.run_id, SqlEventLogStorageTable.c.event),
        (AssetCheckExecutionsTable.c.run_id, AssetCheckExecutionsTable.c.evaluation_event),
    ]
    found: set[str] = set()
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        for run_id, event in columns:
            for part in connection.execute(select(run_id, event)).partitions(_EVENTS_AT_ONCE):
                rows = pl.DataFrame([(row[0], row[1] or "") for row in part], ["run_id", "event"], orient="row")
                found |= set(rows.filter(pl.col("event").str.contains_any(quoted))["run_id"]) if quoted else set()
    return found


def delete_runs(instance: "dg.DagsterInstance", home: Path, run_ids: Sequence[str]) -> None:
    """Delete runs with all their events, check results and logs, and what SQLite keeps of deleted rows."""
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
    from sqlalchemy import delete

    storage: Any = instance.event_log_storage
    if _NO_RUN in run_ids:
        storage.delete_events(_NO_RUN)
    for run_id in filter(None, run_ids):
        instance.delete_run(run_id)
        with storage.index_connection() as connection:
            connection.execute(delete(AssetCheckExecutionsTable).where(AssetCheckExecutionsTable.c.run_id == run_id))
        # Where runs of the UI log to; another place, if one is configured, is its owner's to clear.
        shutil.rmtree(home / "storage" / run_id, ignore_errors=True)
    for path in sorted(home.rglob("*.db")):
        if path.stem in run_ids:
            for end in ("", "-wal", "-shm"):
                path.with_name(path.name + end).unlink(missing_ok=True)
        else:
            _compact(path)


def report_tables(instance: "dg.DagsterInstance", tables: Iterable[TableRecord]) -> None:
    """Tell Dagster of tables as they are in the lake now, without a run."""
    import dagster as dg
    from dagster._core.definitions.data_version import CODE_VERSION_TAG, DATA_VERSION_TAG

    for table in tables:
        tags = {DATA_VERSION_TAG: table.data_version}
        if table.code_version:
            tags[CODE_VERSION_TAG] = table.code_version
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                dg.AssetKey(table.asset), partition=table.partition, metadata=dict(table.metadata), tags=tags
            )
        )


def _compact(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
