"""Lengths in tokens, and cuts between turns."""

import subprocess
import sys
from typing import Any

import polars as pl
import pytest

from persona_assets.llm.tokenizer import load_tokenizer, load_transformers_tokenizer, wrap_tokenizer
from persona_assets.settings_sections import PACKAGED_MODEL
from persona_assets.sft.lengths import fit_turns, measure_lengths
from persona_assets_tests.sft.candidates import make_candidates

TALK = [
    {"role": "system", "content": "You are Maren, who fishes."},
    {"role": "user", "content": "Is the water cold?"},
    {"role": "assistant", "content": "Cold as a stone at night."},
    {"role": "user", "content": "And in June?"},
    {"role": "assistant", "content": "Then I swim before breakfast."},
]


@pytest.mark.parametrize("spare", [-1, 0, 1])
def test_a_cut_falls_behind_an_answer(spare: int) -> None:
    tokenizer = load_tokenizer(PACKAGED_MODEL)
    ends = tokenizer.encode(TALK).ends
    assert fit_turns(tokenizer, TALK, None) == (5, ends[-1])
    assert fit_turns(tokenizer, TALK, ends[-1] + spare) == ((5, ends[4]) if spare >= 0 else (3, ends[2]))
    assert fit_turns(tokenizer, TALK, ends[2] + spare) == ((3, ends[2]) if spare >= 0 else (0, 0))


@pytest.fixture(scope="module")
def trained() -> Any:
    return load_transformers_tokenizer(PACKAGED_MODEL)


@pytest.mark.parametrize("talk", [TALK, TALK[1:], [{"role": "user", "content": "  Ünï\n\n日本 <|im_end|> 12345"}]])
def test_tokens_are_those_that_the_model_is_trained_with(talk: list[dict[str, str]], trained: Any) -> None:
    encoded = load_tokenizer(PACKAGED_MODEL).encode(talk)
    whole = trained.apply_chat_template(talk, tokenize=False)
    assert trained.decode(encoded.input_ids) == whole
    assert encoded.ends[-1] == len(encoded.input_ids)
    assert encoded == wrap_tokenizer(trained, PACKAGED_MODEL).encode(talk)
    assert len(encoded.input_ids) == pytest.approx(len(trained(whole)["input_ids"]), abs=3)


def test_reading_tokens_loads_neither_transformers_nor_torch() -> None:
    code = (
        "import sys; from persona_assets.llm.tokenizer import load_tokenizer\n"
        f"load_tokenizer({PACKAGED_MODEL!r})\n"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")


def test_all_candidates_are_measured() -> None:
    rows = make_candidates(["per_a", "per_b"])
    measured = measure_lengths(rows, load_tokenizer(PACKAGED_MODEL), 1_000)
    assert measured["example_id"].to_list() == rows.collect()["example_id"].to_list()
    assert measured["n_messages"].to_list() == [3] * 4
    assert measured["n_tokens"].min() > 10
    assert measured.schema == {"example_id": pl.String, "n_messages": pl.Int32, "n_tokens": pl.Int64}
