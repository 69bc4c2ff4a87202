"""hub: the index made anew, a persona explained, personas found by a text, and counts."""

import json
import shutil
from pathlib import Path

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
    before = {path: path.read_bytes() for path in Path(project.lake.root).glob("persona_hub/*.parquet")}
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


NURSE = "A nurse on a night ward who writes detective stories."


def read_id(project: SmallProject, asset: str, text: str) -> str:
    for shard in project.lake.shards(asset):
        found = project.lake.scan(asset, shard).filter(persona=text).select("persona_id").collect()
        if found.height:
            return str(found.item(0, 0))
    raise LookupError(text)


def test_a_kept_persona_is_explained_with_what_it_absorbed_and_who_is_near(project: SmallProject, call: Call) -> None:
    glassblower = "A glassblower who restores the windows of village churches."
    kept = read_id(project, "persona_hub", glassblower)
    dropped = read_id(project, "hub_duplicates", glassblower)
    told = call("hub", "explain", kept, "--neighbours", "2")
    assert told.code == 0, told.err
    assert "Kept: no persona" in told.out
    assert "1 personas were dropped for its sake" in told.out
    assert f"exact 1.0000  {dropped}  shard two" in told.out
    assert kept not in told.out.split("Nearest in the hub:")[1]
    assert told.out.count("cosine ") == 2
    told = call("hub", "explain", dropped)
    assert f"Dropped at the stage exact (1.0000), as a duplicate of {kept}" in told.out
    assert f"cosine 1.0000  Jaccard 1.0000  {kept}" in told.out


def test_a_duplicate_of_what_has_left_the_hub_is_stale(project: SmallProject, call: Call) -> None:
    dropped = read_id(project, "hub_duplicates", "A glassblower who restores the windows of village churches.")
    project.lake.remove("persona_hub", "two")
    assert (
        "has left the hub since: materialise persona_hub of the shard two again" in call("hub", "explain", dropped).out
    )


def test_a_persona_that_is_not_decided_yet_says_so_and_an_unknown_id_is_an_error(
    project: SmallProject, call: Call
) -> None:
    nurse = read_id(project, "persona_hub", NURSE)
    for asset in ("persona_hub", "hub_duplicates"):
        project.lake.remove(asset, "two")
    assert "Not decided yet: materialise persona_hub of the shard two" in call("hub", "explain", nurse).out
    told = call("hub", "explain", "per_0")
    assert (told.code, "No table knows the persona per_0" in told.err) == (1, True)


@pytest.mark.parametrize(
    ("narrowed", "found"),
    [
        ((), True),
        (("--shard", "two"), True),
        (("--round", "0", "--language", "en"), True),
        (("--shard", "one"), False),
        (("--round", "1"), False),
    ],
)
def test_a_persona_is_found_by_a_text(
    narrowed: tuple[str, ...], found: bool, project: SmallProject, call: Call
) -> None:
    told = call("hub", "search", "a nurse who writes crime novels at night", "--limit", "1", *narrowed)
    assert told.code == 0, told.err
    assert (NURSE in told.out) == found


def test_a_search_that_finds_nobody_or_cannot_be_read_says_why(project: SmallProject, call: Call) -> None:
    assert (
        "no persona with shard one, language fr"
        in call("hub", "search", "x y z", "--language", "fr", "--shard", "one").out
    )
    told = call("hub", "search", "夜勤の看護師")
    assert (told.code, "cannot read this text" in told.err) == (1, True)


def test_the_hub_is_counted_by_shard_round_and_language(project: SmallProject, call: Call) -> None:
    told = call("hub", "stats").out
    rows = sum(project.lake.info("persona_hub", shard).rows for shard in ("one", "two"))
    assert f"{rows:,} personas, model all-MiniLM-L6-v2; thresholds: Jaccard 0.9, cosine 0.9." in told
    lines = [line.split() for line in told.splitlines()]
    assert ["shard", "kept", "exact", "minhash", "embedding"] in lines
    assert next(line for line in lines if line[:1] == ["two"])[2] == "1"
    seeds = sum(project.lake.info("seed_personas", shard).rows for shard in ("one", "two"))
    assert next(line for line in lines if line[:1] == ["0"])[1:3] == [str(seeds), str(seeds - 1)]
    shutil.rmtree(project.data / "index" / "persona_hub")
    assert "They differ: `persona-assets hub rebuild`" in call("hub", "stats").out
    shutil.rmtree(project.data / "lake")
    assert "The hub is empty" in call("hub", "stats").out
