"""hub rebuild: the index made anew from the lake."""

import json
import shutil

import pytest

from persona_assets_tests.commands.conftest import Call, SmallProject


def damage(project: SmallProject, kind: str) -> None:
    folder = project.data / "index" / "persona_hub"
    if kind == "lost":
        shutil.rmtree(folder)
    elif kind == "damaged":
        (folder / "shard" / "edge_config.json").write_text("{")
    elif kind == "of another model":
        spec = json.loads((folder / "spec.json").read_text())
        (folder / "spec.json").write_text(json.dumps({**spec, "model": "another@1"}))


@pytest.mark.parametrize("kind", ["whole", "lost", "damaged", "of another model"])
def test_the_index_is_built_anew_and_no_verdict_changes(kind: str, project: SmallProject, call: Call) -> None:
    damage(project, kind)
    if kind in {"damaged", "of another model"}:
        assert "hub rebuild" in " ".join(call("run", "--shard", "one", "--asset", "persona_hub").out.split())
    before = {path: path.read_bytes() for path in project.lake.root.glob("persona_hub/*.parquet")}
    called = call("hub", "rebuild")
    assert called.code == 0, called.err
    rows = sum(project.lake.info("persona_hub", shard).rows for shard in ("one", "two"))
    assert f"{rows:,} personas of 2 shards" in " ".join(called.out.split())
    assert call("run", "--shard", "one", "--asset", "persona_hub").code == 0
    assert {path: path.read_bytes() for path in before} == before


def test_an_empty_lake_is_said(project: SmallProject, call: Call) -> None:
    shutil.rmtree(project.data / "lake")
    called = call("hub", "rebuild")
    assert called.code == 0
    assert "Nothing to rebuild" in called.out
