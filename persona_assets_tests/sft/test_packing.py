"""Packing: whole examples, each once, hardly any padding."""

from pathlib import Path

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.llm.tokenizer import IGNORED, load_tokenizer, load_transformers_tokenizer
from persona_assets.settings_sections import PACKAGED_MODEL
from persona_assets.sft.packing import pack_lengths, write_packed
from persona_assets_tests.sft.candidates import make_candidates


@given(st.lists(st.integers(1, 50), max_size=200))
def test_every_length_is_in_one_row_and_no_row_overflows(lengths: list[int]) -> None:
    rows = pack_lengths(lengths, 50)
    assert sorted(place for row in rows for place in row) == list(range(len(lengths)))
    assert all(0 < sum(lengths[place] for place in row) <= 50 for row in rows)
    # Two rows that would fit into one are never left: best fit puts the later into the earlier.
    spaces = sorted(sum(lengths[place] for place in row) for row in rows)
    assert len(spaces) < 2 or spaces[0] + spaces[1] > 50


def test_packed_rows_hold_the_examples_with_labels_on_the_answers(tmp_path: Path) -> None:
    tokenizer, trained = load_tokenizer(PACKAGED_MODEL), load_transformers_tokenizer(PACKAGED_MODEL)
    rows = make_candidates([f"per_{number}" for number in range(30)], each=2)
    result = write_packed(tmp_path / "packed.parquet", rows, tokenizer, 256)
    packed = pl.read_parquet(tmp_path / "packed.parquet")
    assert packed["synthetic"].all()
    assert packed.height == result["rows"] < 30
    assert result["filled"] > 0.75
    assert sorted(packed["example_ids"].explode()) == sorted(rows.collect()["example_id"])
    by_id = dict(rows.collect().select("example_id", "messages").iter_rows())
    for row in packed.iter_rows(named=True):
        assert len(row["input_ids"]) == len(row["labels"]) == len(row["position_ids"]) <= 256
        start = 0
        for example_id, length in zip(row["example_ids"], row["seq_lengths"], strict=True):
            ids, labels = (row[name][start : start + length] for name in ("input_ids", "labels"))
            assert row["position_ids"][start : start + length] == list(range(length))
            text = trained.decode(ids)
            assert text == trained.apply_chat_template(by_id[example_id], tokenize=False)
            learned = trained.decode([label for label in labels if label != IGNORED])
            assert learned.startswith(by_id[example_id][-1]["content"] + "<|im_end|>")
            start += length
