"""The lake: a table appears whole or not at all, says what it is, and equal rows make an equal file."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from persona_assets.accounting import Accounting
from persona_assets.errors import LakeError
from persona_assets.lake import Lake, iter_frames
from persona_assets.records import QUARANTINE_COLUMNS
from persona_assets.tables import Batch, TableInfo

SCHEMA = {"id": pl.String(), "n": pl.Int64(), "turns": pl.List(pl.Struct({"role": pl.String, "content": pl.String}))}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def make_rows(count: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": [f"id{n}" for n in range(count)],
            "n": range(count),
            "turns": [[{"role": "user", "content": f"語 {n}"}] for n in range(count)],
        },
        schema=SCHEMA,
    )


def make_batch(rows: pl.DataFrame) -> Batch:
    refused = pl.DataFrame([["q", "malformed", "no JSON", "raw", "key"]], schema=QUARANTINE_COLUMNS, orient="row")
    account = Accounting.of_rows(rows.height + 1, rows.height, {}, {"malformed": 1})
    return Batch(rows, refused, account)


def split(rows: pl.DataFrame, size: int) -> Iterator[Batch]:
    for part in rows.iter_slices(size):
        yield Batch(part, pl.DataFrame(schema=QUARANTINE_COLUMNS), Accounting.of_rows(part.height, part.height, {}, {}))


def files(lake: Lake) -> list[str]:
    return sorted(path.name for path in Path(lake.root).rglob("*") if path.is_file())


def test_a_table_says_what_it_is(lake: Lake) -> None:
    rows = make_rows(10)
    info = lake.write("personas", "shard_a", SCHEMA, [make_batch(rows)], inputs={"web_text": "v1"}, code_version="p1")
    assert info == lake.info("personas", "shard_a")
    assert info == TableInfo(
        "personas",
        "shard_a",
        str(Path(lake.root) / "personas" / "shard_a.parquet"),
        10,
        info.data_version,
        Accounting(11, 11, Counter(), 11, 10, Counter(), Counter(malformed=1)),
        {"inputs": {"web_text": "v1"}, "code_version": "p1"},
    )
    assert lake.scan("personas", "shard_a").collect().equals(rows)
    assert lake.scan_quarantine("personas", "shard_a").collect()["reason"].to_list() == ["malformed"]
    assert (lake.exists("personas", "shard_a"), lake.exists("personas", "shard_b")) == (True, False)
    assert (lake.shards("personas"), lake.shards("nothing")) == (["shard_a"], [])


def test_equal_rows_make_an_equal_file_whatever_the_batches(lake: Lake) -> None:
    rows = make_rows(9_000)
    infos = [lake.write(f"a{size}", "s", SCHEMA, split(rows, size)) for size in (1_000, 4_096, 7_001, 9_000)]
    assert len({info.data_version for info in infos}) == 1
    assert len({Path(info.path).read_bytes() for info in infos}) == 1
    assert lake.scan("a1000", "s").collect().equals(rows)


def test_other_rows_make_another_version(lake: Lake) -> None:
    rows = make_rows(3)
    versions = {
        lake.write("a", str(n), SCHEMA, split(table, 2)).data_version
        for n, table in enumerate([rows, rows.reverse(), rows.head(2), rows.with_columns(n=pl.lit(1, pl.Int64))])
    }
    assert len(versions) == 4
    info = lake.write("a", "0", SCHEMA, split(rows, 2), code_version="other")
    assert info.data_version in versions


def test_columns_are_put_in_order_and_an_empty_table_is_a_table(lake: Lake) -> None:
    lake.write("a", "s", SCHEMA, split(make_rows(2).select("turns", "n", "id"), 2))
    assert lake.scan("a", "s").collect_schema() == pl.Schema(SCHEMA)
    info = lake.write("a", "s", SCHEMA, [])
    assert (info.rows, lake.scan("a", "s").collect_schema()) == (0, pl.Schema(SCHEMA))
    lake.write("a", "s", SCHEMA, [Batch(pl.DataFrame(), pl.DataFrame(), Accounting())])
    assert lake.scan_quarantine("a", "s").collect().is_empty()


def test_a_writer_that_fails_leaves_what_was_there(lake: Lake) -> None:
    before = lake.write("a", "s", SCHEMA, split(make_rows(3), 3))

    def batches() -> Iterator[Batch]:
        yield from split(make_rows(9_000), 9_000)
        raise LookupError("the model is gone")

    with pytest.raises(LookupError):
        lake.write("a", "s", SCHEMA, batches())
    assert lake.info("a", "s") == before
    assert files(lake) == ["s.parquet", "s.parquet"]


def test_a_killed_writer_leaves_nothing_to_see_and_a_later_one_removes_the_rest(lake: Lake) -> None:
    program = """
import os, sys
from pathlib import Path
from persona_assets_tests.test_lake import SCHEMA, Lake, make_batch, make_rows
writer = Lake(Path(sys.argv[1])).open_writer("a", "s", SCHEMA)
writer.add(make_batch(make_rows(9_000)))
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", program, str(lake.root)], check=False)
    assert done.returncode == -signal.SIGKILL
    (leftover,) = Path(lake.root).rglob("*.tmp")
    assert (lake.exists("a", "s"), lake.shards("a")) == (False, [])
    lake.write("a", "s", SCHEMA, split(make_rows(3), 3))
    assert leftover.exists()
    os.utime(leftover, (time.time() - 90_000, time.time() - 90_000))
    lake.write("a", "s", SCHEMA, split(make_rows(3), 3))
    assert not leftover.exists()


@pytest.mark.parametrize("shard", ["news", "news.0001", "news.12"])
def test_a_writer_leaves_alone_what_a_live_one_has_not_written_to_for_days(lake: Lake, shard: str) -> None:
    with lake.open_writer("a", shard, SCHEMA) as slow:
        slow.add(make_batch(make_rows(9_000)))
        (unfinished,) = Path(lake.root, "a").glob(".*.tmp")
        os.utime(unfinished, (time.time() - 900_000, time.time() - 900_000))
        lake.write("a", "news", SCHEMA, split(make_rows(3), 3))
        slow.publish()
    assert lake.scan("a", shard).collect().height == 9_000


def test_a_writer_removes_only_the_leftovers_of_its_own_table(lake: Lake) -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    folder = Path(lake.root, "a")
    folder.mkdir(parents=True)
    others = [f".news.0001.{done.pid}.0123abcd.tmp", f".new.{done.pid}.0123abcd.tmp", ".news.notes.tmp"]
    for name in (f".news.{done.pid}.0123abcd.tmp", f".news.{2**70}.0123abcd.tmp", *others):
        (folder / name).touch()
        os.utime(folder / name, (1, 1))
    lake.write("a", "news", SCHEMA, split(make_rows(3), 3))
    assert sorted(path.name for path in folder.iterdir()) == sorted([*others, "news.parquet"])


def test_a_full_disk_is_named_and_loses_nothing(lake: Lake) -> None:
    before = lake.write("a", "s", SCHEMA, split(make_rows(3), 3))
    program = """
import resource, signal, sys
from pathlib import Path
from persona_assets_tests.test_lake import SCHEMA, Lake, make_rows, split
from persona_assets.errors import LakeError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    Lake(Path(sys.argv[1])).write("a", "s", SCHEMA, split(make_rows(20_000), 5_000))
except LakeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program, str(lake.root)], capture_output=True, text=True, check=True)
    assert "s.parquet could not be written" in done.stdout
    assert "free space" in done.stdout
    assert lake.info("a", "s") == before
    assert files(lake) == ["s.parquet", "s.parquet"]


def test_a_disk_that_fills_at_the_last_moment_is_named(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(LakeError, match=r"s\.parquet could not be written: No space left on device.*run again"):
        lake.write("a", "s", SCHEMA, split(make_rows(3), 3))
    assert files(lake) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file")
    with pytest.raises(LakeError, match="could not be written"):
        Lake(tmp_path / "lake").write("a", "s", SCHEMA, split(make_rows(3), 3))


def test_a_missing_table_is_named(lake: Lake) -> None:
    for read in (lake.info, lake.scan):
        with pytest.raises(LakeError, match=r"a of shard s is not in the lake.*Materialise it first"):
            read("a", "s")
    with pytest.raises(LakeError, match="a has no shard to read"):
        lake.scan_all("a", [])
    assert lake.scan_quarantine("a", "s").collect().is_empty()


def test_a_corrupt_file_is_named(lake: Lake) -> None:
    path = Path(lake.write("a", "s", SCHEMA, split(make_rows(5_000), 5_000)).path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    for read in (lake.info, lake.scan):
        with pytest.raises(
            LakeError, match=r"s\.parquet is not a readable Parquet file.*Delete it and materialise again"
        ):
            read("a", "s")
    path.write_bytes(whole[:4] + os.urandom(20_000) + whole[20_004:])
    with pytest.raises(LakeError, match="cannot be read"):
        list(iter_frames(lake.scan("a", "s")))
    make_rows(2).write_parquet(path)
    with pytest.raises(LakeError, match="was not written by persona_assets"):
        lake.info("a", "s")


def test_shards_are_read_as_one_table_in_the_order_given(lake: Lake) -> None:
    rows = make_rows(6)
    lake.write("a", "x", SCHEMA, split(rows.head(4), 4))
    lake.write("a", "y", SCHEMA, split(rows.tail(2), 4))
    assert lake.scan_all("a", ["y", "x"]).collect()["n"].to_list() == [4, 5, 0, 1, 2, 3]
    lake.remove("a", "x")
    assert (lake.shards("a"), files(lake)) == (["y"], ["y.parquet", "y.parquet"])


def test_frames_are_read_in_one_pass_in_order(lake: Lake) -> None:
    lake.write("a", "s", SCHEMA, split(make_rows(10_000), 10_000))
    frames = list(iter_frames(lake.scan("a", "s"), 512))
    assert max(frame.height for frame in frames) <= 512
    assert pl.concat(frames).equals(make_rows(10_000))
    first = next(iter_frames(lake.scan("a", "s"), 512))
    assert first["n"].to_list()[:3] == [0, 1, 2]
    assert list(iter_frames(pl.LazyFrame(schema=SCHEMA))) == []


def test_rows_that_go_take_their_flags_out_of_the_account(lake: Lake) -> None:
    flags = [["breaks_off"], [], ["breaks_off", "too_long"]]
    rows = make_rows(3).with_columns(flags=pl.Series(flags, dtype=pl.List(pl.String)))
    account = Accounting.of_rows(3, 3, {}, {})
    account.count_flags(flags)
    nothing = pl.DataFrame(schema=QUARANTINE_COLUMNS)
    lake.write("personas", "a", rows.schema, [Batch(rows, nothing, account)])
    left = lake.drop_rows("personas", "a", pl.col("n") == 2, pl.lit(value=False), "forgotten", {}).accounting
    assert (left.flagged, left.flags, left.dropped) == (1, Counter(breaks_off=1), Counter(forgotten=1))
    left = lake.drop_rows("personas", "a", pl.col("n") == 0, pl.lit(value=False), "forgotten", {}).accounting
    assert (left.flagged, left.flags, left.rows) == (0, Counter(), 1)
