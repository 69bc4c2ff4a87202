"""The release: weights, caps, families on one side, and files that trainers read."""

import json
from pathlib import Path

import polars as pl
import pytest

from persona_assets.errors import LakeError
from persona_assets.sft.mixes import Mix
from persona_assets.sft.release import Release, read_release_facts, write_release
from persona_assets.sft.shards import ShardChoice
from persona_assets_tests.sft.candidates import make_candidates, make_families, make_mix

PERSONAS = [f"per_{index:03}" for index in range(60)]
FAMILIES = make_families({persona: f"fam_{index // 3}" for index, persona in enumerate(PERSONAS)})
SHARDS = ShardChoice({"shard": "version"}, {"sample": "not in the corpus"})
FILES = {"train.jsonl", "train.parquet", "validation.jsonl", "validation.parquet", "README.md", "release.json"} | {
    "dataset_info.json",
    "axolotl-messages.yaml",
}


def release(folder: Path, mix: Mix | None = None, candidates: pl.LazyFrame | None = None) -> Release:
    rows = make_candidates(PERSONAS, each=3) if candidates is None else candidates
    chosen = mix or make_mix(validation_share=0.2)
    return write_release(folder / "default", "default", chosen, rows, FAMILIES, SHARDS)


def test_a_second_occurrence_is_counted_and_left_out(tmp_path: Path) -> None:
    rows = make_candidates(PERSONAS[:5])
    made = release(tmp_path, candidates=pl.concat([rows, rows]))
    assert {task: count["duplicate"] for task, count in made.counts.items()} == {"dialogues_r": 5, "riddles": 5}
    files = pl.scan_parquet([made.folder / "train.parquet", made.folder / "validation.parquet"]).collect()
    assert files.height == files["example_id"].n_unique() == 10


def test_the_files_hold_what_was_counted(tmp_path: Path) -> None:
    made = release(tmp_path)
    assert {path.name for path in made.folder.iterdir()} == FILES
    for split in ("train", "validation"):
        rows = pl.read_parquet(made.folder / f"{split}.parquet")
        lines = [json.loads(line) for line in (made.folder / f"{split}.jsonl").read_text("utf-8").splitlines()]
        assert rows.height == len(lines) == sum(count.get(split, 0) for count in made.counts.values())
        assert rows["family_id"].n_unique() == made.families[split]
        assert rows["synthetic"].all()
        assert lines == rows.to_dicts()
    assert sum(sum(count.values()) for count in made.counts.values()) == 360


def test_the_families_over_all_shards_replace_those_of_a_shard(tmp_path: Path) -> None:
    made = release(tmp_path)
    rows = pl.read_parquet(made.folder / "train.parquet")
    assert set(rows["family_id"]) <= set(FAMILIES["family_id"])


def test_equal_inputs_give_equal_files(tmp_path: Path) -> None:
    one, two = release(tmp_path / "a"), release(tmp_path / "b")
    assert one.data_version == two.data_version
    for name in FILES:
        assert (one.folder / name).read_bytes() == (two.folder / name).read_bytes()


@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_trainers_load_it(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    made = release(tmp_path)
    ending = {"json": "jsonl", "parquet": "parquet"}[kind]
    files = {split: str(made.folder / f"{split}.{ending}") for split in ("train", "validation")}
    loaded = datasets.load_dataset(kind, data_files=files, cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].num_rows + loaded["validation"].num_rows == 360
    row = loaded["train"][0]
    assert [turn["role"] for turn in row["messages"]] == ["system", "user", "assistant"]
    assert row["messages"][1]["content"] == "Hello\n„you“"


def test_the_card_loads_as_a_dataset_of_both_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    made = release(tmp_path)
    loaded = datasets.load_dataset(str(made.folder), cache_dir=str(tmp_path / "cache"))
    assert set(loaded) == {"train", "validation"}
    card = (made.folder / "README.md").read_text("utf-8")
    assert f"| rows | {loaded['train'].num_rows} | {loaded['validation'].num_rows} |" in card
    assert "| dialogues_r | scripted/plain | unknown | abc | CC0-1.0 | 180 |" in card


def test_without_validation_the_card_names_one_split(tmp_path: Path) -> None:
    made = release(tmp_path, make_mix(validation_share=0))
    assert "split: validation" not in (made.folder / "README.md").read_text("utf-8")
    assert pl.read_parquet(made.folder / "validation.parquet").is_empty()


def test_a_task_that_nobody_made_is_shown(tmp_path: Path) -> None:
    made = release(tmp_path, make_mix(weights={"riddles": 1.0, "ridles": 1.0}))
    assert made.counts["ridles"] == {}
    assert "| ridles | 0 | 0 | 0 |" in (made.folder / "README.md").read_text("utf-8")


def test_what_flags_keep_out_is_counted(tmp_path: Path) -> None:
    rows = pl.concat([make_candidates(PERSONAS[:50]), make_candidates(PERSONAS[50:], flags=["recites_profile"])])
    made = release(tmp_path, candidates=rows)
    assert {task: count["flagged"] for task, count in made.counts.items()} == {"dialogues_r": 10, "riddles": 10}
    facts = read_release_facts(made.folder)
    assert facts is not None
    assert facts["flags"] == {"recites_profile": {"taken": 0, "left_out": 20}}
    assert "| recites_profile | 20 | 0 |" in (made.folder / "README.md").read_text("utf-8")


def test_it_says_what_it_was_made_of(tmp_path: Path) -> None:
    assert read_release_facts(tmp_path / "default") is None
    made = release(tmp_path)
    facts = read_release_facts(made.folder)
    assert facts is not None
    assert facts["inputs"] == {"shard": "version"}
    assert facts["left_out"] == {"sample": "not in the corpus"}
    card = (made.folder / "README.md").read_text("utf-8")
    assert "Shards of the corpus: 1. Left out: sample (not in the corpus)." in card
    assert facts["data_version"] == made.data_version
    assert facts["counts"] == made.counts


def test_a_new_release_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    old = release(tmp_path)
    new = release(tmp_path, candidates=make_candidates(PERSONAS[:9]))
    assert old.data_version != new.data_version
    assert {path.name for path in new.folder.iterdir()} == FILES
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["default"]


def test_a_failed_release_leaves_the_old_one(tmp_path: Path) -> None:
    old = release(tmp_path)
    before = {path.name: path.read_bytes() for path in old.folder.iterdir()}

    def fail(frame: pl.DataFrame) -> pl.DataFrame:
        raise OSError(28, "No space left on device")

    broken = make_candidates(PERSONAS).map_batches(fail)
    with pytest.raises((LakeError, pl.exceptions.ComputeError, OSError)):
        release(tmp_path, candidates=broken)
    assert {path.name: path.read_bytes() for path in old.folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["default"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(LakeError, match=r"The release .*default could not be written: .*The earlier one is untouched"):
        release(tmp_path / "file")


def test_what_a_dead_run_left_is_put_right(tmp_path: Path) -> None:
    made = release(tmp_path)
    rows = pl.read_parquet(made.folder / "train.parquet")
    # Died between the two renames, with a half-written folder beside it.
    made.folder.rename(tmp_path / ".default.old")
    (tmp_path / ".default.tmp").mkdir()
    (tmp_path / ".default.tmp" / "half").write_text("x")
    again = release(tmp_path)
    assert pl.read_parquet(again.folder / "train.parquet").equals(rows)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["default"]
