"""LLaMA-Factory and Axolotl read a release, each in an environment of its own (`make trainers`)."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from persona_assets_tests.sft.test_formats import TALK, make_release
from persona_assets_tests.tiny_model import write_tiny_model

ENVIRONMENTS = Path(__file__).parents[2] / ".bench"
OFFLINE = {**os.environ, "HF_HUB_OFFLINE": "1", "AXOLOTL_DO_NOT_TRACK": "1"}
LOAD_ALL = """
import json, sys
from llamafactory.data.loader import _load_single_dataset
from llamafactory.data.parser import get_dataset_list
from llamafactory.hparams import DataArguments, ModelArguments
from transformers import Seq2SeqTrainingArguments
folder = sys.argv[1]
names = list(json.load(open(folder + "/dataset_info.json")))
arguments = ModelArguments(model_name_or_path="any"), DataArguments(dataset_dir=folder)
training = Seq2SeqTrainingArguments(output_dir=folder + "/.out", report_to="none")
loaded = [_load_single_dataset(one, *arguments, training) for one in get_dataset_list(names, folder)]
print(json.dumps({name: list(one) for name, one in zip(names, loaded)}))
"""
TINY_RUN = {
    "sequence_len": 512,
    "micro_batch_size": 1,
    "gradient_accumulation_steps": 1,
    "num_epochs": 1,
    "learning_rate": 1e-4,
    "bf16": False,
    "fp16": False,
    "chat_template": "tokenizer_default",
}

pytestmark = pytest.mark.long


def find_program(environment: str, name: str) -> str:
    path = ENVIRONMENTS / environment / "bin" / name
    if not path.is_file():
        pytest.skip(f"{path} is missing: make trainers")
    return str(path)


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, env=OFFLINE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3_000:]
    return done.stdout


def test_llama_factory_reads_what_its_dataset_info_names(tmp_path: Path) -> None:
    python = find_program("llamafactory", "python")
    made = make_release(tmp_path)
    said = run([python, "-c", LOAD_ALL, str(made.folder)], made.folder)
    loaded = json.loads(said.splitlines()[-1])
    assert len(loaded) == 8
    for name, rows in loaded.items():
        assert rows
        row = rows[0]
        assert row["_system"] == TALK[0]["content"]
        assert row["_prompt"] == TALK[1:4]
        rejected = ["It is cold."] if "preference" in name else []
        assert [turn["content"] for turn in row["_response"]] == [TALK[4]["content"], *rejected]


@pytest.mark.parametrize("shape", ["messages", "sharegpt", "preference"])
def test_axolotl_prepares_what_its_snippet_names(shape: str, tmp_path: Path) -> None:
    program = find_program("axolotl", "axolotl")
    made = make_release(tmp_path)
    model = write_tiny_model(tmp_path / "model")
    prepared = tmp_path / "prepared"
    config = tmp_path / "config.yaml"
    snippet = (made.folder / f"axolotl-{shape}.yaml").read_text("utf-8")
    # JSON is YAML, too.
    more = {"base_model": str(model), "dataset_prepared_path": str(prepared), "output_dir": str(tmp_path), **TINY_RUN}
    config.write_text(snippet + "".join(f"{name}: {json.dumps(value)}\n" for name, value in more.items()), "utf-8")
    run([program, "preprocess", str(config)], made.folder)
    assert list(prepared.rglob("*.arrow"))
