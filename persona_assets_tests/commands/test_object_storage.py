"""The lake in object storage: the same tables as on disk, and every command that reads or writes them."""

import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from persona_assets.lake import Lake
from persona_assets_tests.commands.conftest import Call, SmallProject
from persona_assets_tests.object_storage import BUCKET, ObjectStorage, open_object_storage

ADDRESS = f"s3://{BUCKET}/personas/lake"


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStorage]:
    with open_object_storage(monkeypatch) as storage:
        monkeypatch.setenv("PERSONA_ASSETS__PATHS__LAKE", ADDRESS)
        yield storage


# The first shard of the two: its rows do not depend on the second's.
PERSONAS = ("web_text", "seed_personas", "expanded_personas", "persona_hub", "hub_duplicates")
TO_PERSONAS = ("--shard", "one", *(word for asset in PERSONAS for word in ("--asset", asset)))


def list_tables(lake: Path, options: tuple[str, ...]) -> set[str]:
    """The files that a run with these options makes, as they lie on disk after one without any."""
    return {
        path.relative_to(lake).as_posix()
        for path in lake.rglob("*.parquet")
        if not options or (path.stem == "one" and path.parent.name in PERSONAS)
    }


@pytest.mark.parametrize(
    "options", [TO_PERSONAS, pytest.param((), marks=pytest.mark.long)], ids=["personas of a shard", "all"]
)
def test_the_chain_makes_the_same_files_and_every_command_reads_them(
    options: tuple[str, ...], made_once: Path, empty_project: SmallProject, objects: ObjectStorage, call: Call
) -> None:
    # Object storage gives times in whole seconds: what was written in the same one would count as changed since.
    os.utime(empty_project.folder / "corpus" / "one.jsonl", (0, 0))
    assert call("run", *options).code == 0
    on_disk = made_once / "data" / "lake"
    names = list_tables(on_disk, options)
    made = {key.removeprefix("personas/lake/") for key in objects.list_keys()}
    assert names == {name for name in made if not (options and "source_instructions" in name)}
    assert not (empty_project.data / "lake").exists()
    for name in names:
        assert objects.read(f"personas/lake/{name}") == (on_disk / name).read_bytes(), name
    assert call("status").out.count("▲") == 1, "the legend alone"
    checked = call("check", "--shard", "one")
    assert checked.code == 0 or (options and "is not in the lake" in checked.err), checked.err
    assert call("report", "--shard", "one").code == 0
    lake = Lake(ADDRESS)
    persona = lake.scan("seed_personas", "one").collect().row(0, named=True)
    assert persona["doc_id"] in call("trace", persona["persona_id"]).out
    assert call("trace", "--down", persona["doc_id"]).code == 0
    # It makes the index anew, as `hub rebuild` does.
    assert call("forget", "--doc", persona["doc_id"], "--yes").code == 0
    left = [lake.scan("web_text", "one").filter(pl.col("doc_id") == persona["doc_id"]).collect().height]
    assert left == [0]
    assert not any(persona["persona"].encode() in objects.read(key) for key in objects.list_keys())


def test_storage_that_is_gone_is_named(empty_project: SmallProject, objects: ObjectStorage, call: Call) -> None:
    objects.client.delete_bucket(Bucket=BUCKET)
    called = call("run", "--asset", "source_instructions")
    assert called.code != 0
    assert "paths.lake" in " ".join((called.out + called.err).split())
