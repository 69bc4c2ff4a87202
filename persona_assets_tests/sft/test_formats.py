"""The shapes of a release: each loads, says the same in another shape, and trainers read it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from persona_assets.settings_sections import PACKAGED_MODEL
from persona_assets.sft.release import Release, write_release
from persona_assets.sft.shards import ShardChoice
from persona_assets_tests.sft.candidates import make_candidates, make_families, make_mix

PERSONAS = [f"per_{index:03}" for index in range(20)]
SPLITS = ("train", "validation")
TALK = [
    {"role": role, "content": text}
    for role, text in [
        ("system", "You are Maren."),
        ("user", "Cold?"),
        ("assistant", "Cold as a stone, I say."),
        ("user", "In June?"),
        ("assistant", "I swim then, before breakfast, every day of the week."),
    ]
]


def make_release(folder: Path, **changes: Any) -> Release:
    mix = make_mix(**{"validation_share": 0.3, "formats": ["sharegpt", "alpaca", "preference"], **changes})
    rows = make_candidates(PERSONAS, messages=TALK, original="It is cold.")
    return write_release(folder / "default", "default", mix, rows, make_families({}), ShardChoice({}, {}))


def load(made: Release, name: str, cache: Path) -> Any:
    from datasets import load_dataset

    return load_dataset(str(made.folder), name, cache_dir=str(cache))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return make_release(tmp_path_factory.mktemp("release"))


@pytest.mark.parametrize("name", ["default", "sharegpt", "alpaca", "preference", "preference_sharegpt"])
def test_each_shape_loads_by_its_name_with_both_splits(name: str, made: Release, tmp_path: Path) -> None:
    loaded = load(made, name, tmp_path)
    assert sum(loaded[split].num_rows for split in SPLITS) == 40
    assert all(min(loaded[split].num_rows, 1) for split in SPLITS)
    assert all(row["synthetic"] and row["example_id"].startswith("sft_") for row in loaded["train"])


def test_the_shapes_say_the_same(made: Release, tmp_path: Path) -> None:
    said = [turn["content"] for turn in TALK]
    shared = load(made, "sharegpt", tmp_path)["train"][0]["conversations"]
    assert [turn["value"] for turn in shared] == said
    assert [turn["from"] for turn in shared] == ["system", "human", "gpt", "human", "gpt"]
    alpaca = load(made, "alpaca", tmp_path)["train"][0]
    assert (alpaca["system"], alpaca["instruction"], alpaca["input"], alpaca["output"]) == (*said[::3], "", said[4])
    assert alpaca["history"] == [said[1:3]]
    pair = load(made, "preference", tmp_path)["train"][0]
    assert [*pair["prompt"], *pair["chosen"]] == TALK
    assert pair["rejected"] == [{"role": "assistant", "content": "It is cold."}]
    other = load(made, "preference_sharegpt", tmp_path)["train"][0]
    assert other["rejected"] == {"from": "gpt", "value": "It is cold."}
    assert [turn["value"] for turn in other["conversations"]] == said[:4]


def test_a_talk_that_was_cut_has_no_original_answer(tmp_path: Path) -> None:
    made = make_release(tmp_path, tokenizer=PACKAGED_MODEL, max_tokens=40)
    row = load(made, "default", tmp_path)["train"][0]
    assert row["messages"] == TALK[:3]
    assert row["n_turns"] == 2
    assert made.formats["preference"] == 0
    assert made.formats["sharegpt"] == 40


def test_every_snippet_names_files_that_are_there(made: Release) -> None:
    entries = json.loads((made.folder / "dataset_info.json").read_text("utf-8"))
    assert len(entries) == 8
    for entry in entries.values():
        assert (made.folder / entry["file_name"]).is_file()
    snippets = {path.name: yaml.safe_load(path.read_text("utf-8")) for path in made.folder.glob("axolotl-*.yaml")}
    assert set(snippets) == {f"axolotl-{name}.yaml" for name in ("messages", "sharegpt", "preference")}
    for snippet in snippets.values():
        for part in (*snippet["datasets"], *snippet["test_datasets"]):
            assert (made.folder / part["path"]).is_file()


def test_a_split_without_rows_is_in_no_snippet(tmp_path: Path) -> None:
    made = make_release(tmp_path, validation_share=0)
    assert not any("validation" in name for name in json.loads((made.folder / "dataset_info.json").read_text("utf-8")))
    assert "test_datasets" not in (made.folder / "axolotl-messages.yaml").read_text("utf-8")


def test_the_collators_of_trl_take_chat_and_preference_rows(made: Release, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    from trl.data_utils import apply_chat_template
    from trl.trainer.dpo_trainer import DataCollatorForPreference
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    from persona_assets.llm.tokenizer import load_transformers_tokenizer, wrap_tokenizer

    tokenizer = load_transformers_tokenizer(PACKAGED_MODEL)
    chat = wrap_tokenizer(tokenizer, PACKAGED_MODEL)
    pad = tokenizer.pad_token_id or 0
    rows = [chat.encode(row["messages"]) for row in load(made, "default", tmp_path)["train"].select(range(3))]
    batch = DataCollatorForLanguageModeling(pad)([{"input_ids": row.input_ids, "labels": row.labels} for row in rows])
    assert batch["input_ids"].shape == batch["labels"].shape
    pairs = [apply_chat_template(pair, tokenizer) for pair in load(made, "preference", tmp_path)["train"]][:3]
    ids = [{f"{part}_ids": tokenizer(pair[part])["input_ids"] for part in pair} for pair in pairs]
    together = DataCollatorForPreference(pad)(ids)
    # Chosen and rejected stand in one batch, one half each.
    assert together["input_ids"].shape[0] == 6
