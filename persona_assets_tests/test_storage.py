"""Storage: a folder on disk and a prefix of object storage do the same."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from persona_assets.accounting import Accounting
from persona_assets.errors import LakeError
from persona_assets.lake import SHARD_COLUMN, Lake
from persona_assets.records import QUARANTINE_COLUMNS
from persona_assets.storage import Storage
from persona_assets.tables import Batch
from persona_assets_tests.object_storage import BUCKET, open_object_storage

SCHEMA = {"id": pl.String(), "n": pl.Int64()}


@pytest.fixture(params=["disk", "objects"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "disk":
        yield str(tmp_path / "lake")
    else:
        with open_object_storage(monkeypatch):
            yield f"s3://{BUCKET}/deep/lake"


def make_batch(first: int, count: int) -> Batch:
    rows = pl.DataFrame({"id": [f"id{n}" for n in range(first, first + count)], "n": range(count)}, schema=SCHEMA)
    refused = pl.DataFrame([[f"q{first}", "malformed", "", "raw", "key"]], schema=QUARANTINE_COLUMNS, orient="row")
    return Batch(rows, refused, Accounting.of_rows(count + 1, count, {}, {"malformed": 1}))


def test_tables_are_written_listed_read_and_removed(root: str) -> None:
    lake = Lake(root)
    assert lake.assets() == []
    assert lake.shards("web_text") == []
    assert not lake.exists("web_text", "a")
    assert lake.find_time("web_text", "a") is None
    info = lake.write("web_text", "a", SCHEMA, [make_batch(0, 6_000)], code_version="1")
    lake.write("web_text", "b b%20[1]", SCHEMA, [make_batch(6_000, 5)])
    assert lake.info("web_text", "a") == info
    assert info.path == lake.path("web_text", "a")
    assert (lake.assets(), lake.shards("web_text")) == (["web_text"], ["a", "b b%20[1]"])
    assert lake.require_shards("web_text", []) == ["a", "b b%20[1]"]
    assert lake.find_time("web_text", "a")
    whole = lake.scan_all("web_text", ["a", "b b%20[1]"]).collect()
    assert whole["id"].to_list() == [f"id{n}" for n in range(6_005)]
    found = lake.scan_found("web_text", ["a", "b b%20[1]"]).filter(pl.col("id") == "id6001").collect()
    assert found[SHARD_COLUMN].to_list() == ["b b%20[1]"]
    assert lake.scan_quarantine("web_text", "a").collect()["row_id"].to_list() == ["q0"]
    assert lake.scan_quarantine("web_text", "none").collect().is_empty()
    assert len(list(lake.scan_every_file())) == 4
    lake.remove("web_text", "a")
    lake.remove("web_text", "a")
    assert lake.shards("web_text") == ["b b%20[1]"]
    with pytest.raises(LakeError, match="web_text of shard a is not in the lake"):
        lake.scan("web_text", "a")
    with pytest.raises(LakeError, match="Nothing of the shard c is in the lake"):
        lake.require_shards("web_text", ["c"])


def test_a_table_that_is_not_finished_leaves_the_old_one(root: str) -> None:
    lake = Lake(root)
    old = lake.write("web_text", "a", SCHEMA, [make_batch(0, 10)])
    with pytest.raises(ZeroDivisionError), lake.open_writer("web_text", "a", SCHEMA) as writer:
        writer.add(make_batch(10, 5_000))
        raise ZeroDivisionError
    assert lake.info("web_text", "a") == old
    assert lake.scan("web_text", "a").collect().height == 10


def test_rows_are_taken_out_and_a_table_is_copied(root: str, tmp_path: Path) -> None:
    lake = Lake(root)
    lake.write("web_text", "a", SCHEMA, [make_batch(0, 10)])
    info = lake.drop_rows("web_text", "a", pl.col("n") < 4, pl.lit(value=False), "forgotten", {})
    assert (info.rows, info.accounting.dropped["forgotten"]) == (6, 4)
    other = Lake(tmp_path / "other")
    other.copy_from(lake, "web_text", "a")
    assert other.info("web_text", "a").data_version == info.data_version
    lake.copy_from(other, "web_text", "a")
    assert lake.scan("web_text", "a").collect()["n"].to_list() == [4, 5, 6, 7, 8, 9]


def test_equal_rows_make_an_equal_file_wherever_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_disk = Lake(tmp_path / "lake")
    on_disk.write("web_text", "a", SCHEMA, [make_batch(0, 50)])
    with open_object_storage(monkeypatch) as objects:
        Lake(f"s3://{BUCKET}/lake").write("web_text", "a", SCHEMA, [make_batch(0, 50)])
        for name in ("web_text/a.parquet", "quarantine/web_text/a.parquet"):
            assert objects.read(f"lake/{name}") == (tmp_path / "lake" / name).read_bytes()


def test_what_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_object_storage(monkeypatch):
        with pytest.raises(LakeError, match=r"s3://no-such-bucket/lake could not be used.*paths.lake"):
            Lake("s3://no-such-bucket/lake").write("web_text", "a", SCHEMA, [make_batch(0, 5)])
        with pytest.raises(LakeError, match=r"could not be used.*paths.lake"):
            Storage("nonsense://lake").list_files()
