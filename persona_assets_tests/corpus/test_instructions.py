import gzip
import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from persona_assets.corpus.instructions import INSTRUCTION_SCHEMA, read_instructions
from persona_assets.errors import CorpusError
from persona_assets.settings import InstructionSettings
from persona_assets_tests.corpus.helpers import write_json_lines

ASK, ANSWER = (
    {"role": "user", "content": "Why is the sea salt?"},
    {"role": "assistant", "content": "Rivers bring salt."},
)
MORE, END = {"role": "user", "content": "And lakes?"}, {"role": "assistant", "content": "They drain."}

SHAPES: dict[str, tuple[dict[str, Any], list[dict[str, str]]]] = {
    "alpaca": ({"instruction": ASK["content"], "input": "", "output": ANSWER["content"]}, [ASK, ANSWER]),
    "alpaca with input": (
        {"instruction": "Answer.", "input": "Why?", "output": "So."},
        [{"role": "user", "content": "Answer.\n\nWhy?"}, {"role": "assistant", "content": "So."}],
    ),
    "alpaca with history": (
        {
            "instruction": MORE["content"],
            "input": "",
            "output": END["content"],
            "history": [[ASK["content"], ANSWER["content"]]],
        },
        [ASK, ANSWER, MORE, END],
    ),
    "dolly": ({"instruction": ASK["content"], "context": "", "response": ANSWER["content"]}, [ASK, ANSWER]),
    "question": ({"question": ASK["content"], "answer": ANSWER["content"]}, [ASK, ANSWER]),
    "prompt": ({"prompt": ASK["content"], "completion": ANSWER["content"]}, [ASK, ANSWER]),
    "prompt alone": ({"prompt": ASK["content"]}, [ASK]),
    "sharegpt": (
        {"conversations": [{"from": "human", "value": ASK["content"]}, {"from": "gpt", "value": ANSWER["content"]}]},
        [ASK, ANSWER],
    ),
    "messages": ({"messages": [ASK, ANSWER, MORE, END]}, [ASK, ANSWER, MORE, END]),
    "message parts": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": ASK["content"]}]}, ANSWER]},
        [ASK, ANSWER],
    ),
    "lima": ({"conversations": [ASK["content"], ANSWER["content"]], "source": "x"}, [ASK, ANSWER]),
    "open end": ({"messages": [ASK, ANSWER, MORE]}, [ASK, ANSWER, MORE]),
    "seed task": (
        {"id": "t", "instruction": ASK["content"], "instances": [{"input": "", "output": ANSWER["content"]}]},
        [ASK, ANSWER],
    ),
}


def _read(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    return read_instructions(InstructionSettings(path=path))


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_becomes_turns(shape: str, tmp_path: Path) -> None:
    row, turns = SHAPES[shape]
    rows, dropped = _read(write_json_lines(tmp_path / "a.jsonl", [row]))
    assert rows.schema == INSTRUCTION_SCHEMA
    found = rows.row(0, named=True)
    assert found["turns"] == turns
    assert found["n_user_turns"] == sum(turn["role"] == "user" for turn in turns)
    assert found["has_answers"] == (turns[-1]["role"] == "assistant")
    assert found["n_chars"] == sum(len(turn["content"]) for turn in turns)
    assert found["instruction_id"].startswith("ins_")
    assert dropped.is_empty()


def test_the_same_session_in_two_shapes_is_one(tmp_path: Path) -> None:
    rows, dropped = _read(
        write_json_lines(tmp_path / "a.jsonl", [SHAPES[name][0] for name in ("alpaca", "dolly", "lima")])
    )
    assert rows.height == 1
    assert dropped.select("source", "reason", "detail").rows() == [
        ("a.jsonl:2", "exact_duplicate", "equal to a.jsonl:1"),
        ("a.jsonl:3", "exact_duplicate", "equal to a.jsonl:1"),
    ]


def test_each_instance_of_a_seed_task_is_a_session(tmp_path: Path) -> None:
    task = {"instruction": "Add.", "instances": [{"input": "1 1", "output": "2"}, {"input": "2 2", "output": "4"}]}
    rows, _ = _read(write_json_lines(tmp_path / "a.jsonl", [task]))
    assert rows["source"].to_list() == ["a.jsonl:1.1", "a.jsonl:1.2"]


def test_a_system_message_is_kept_apart(tmp_path: Path) -> None:
    system = {"role": "system", "content": "Be brief."}
    rows, _ = _read(
        write_json_lines(tmp_path / "a.jsonl", [{"messages": [system, ASK, ANSWER]}, {"messages": [ASK, ANSWER]}])
    )
    assert rows["system"].to_list() == ["Be brief.", None]
    assert rows["turns"][0].to_list() == rows["turns"][1].to_list() == [ASK, ANSWER]
    assert rows["instruction_id"].n_unique() == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": [ANSWER, ASK]}, "turn_order"),
        ({"messages": [ASK, MORE]}, "turn_order"),
        ({"messages": [ASK, {"role": "system", "content": "x"}]}, "turn_order"),
        ({"messages": []}, "empty"),
        ({"messages": [{"role": "user", "content": " "}]}, "empty"),
        ({"messages": [ASK, {"role": "assistant", "content": None}]}, "empty"),
        ({"instruction": "", "output": "x"}, "empty"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "unknown_role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "not_text"),
        ({"messages": "x"}, "unknown_shape"),
        ({"messages": [ASK, 3]}, "unknown_shape"),
        ({"instruction": "x", "output": 3}, "not_text"),
        ({"instruction": "x", "history": [["one"]]}, "unknown_shape"),
        ({"instruction": "x", "history": 3}, "unknown_shape"),
        ({"instruction": "x", "history": "before"}, "unknown_shape"),
        ({"title": "x"}, "unknown_shape"),
        ({"title\ud800": "x"}, "unknown_shape"),
    ],
)
def test_a_bad_row_is_dropped_with_its_reason(row: dict[str, Any], reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f"{json.dumps(SHAPES['alpaca'][0])}\n{json.dumps(row)}\n")
    rows, dropped = _read(tmp_path)
    assert rows.height == 1
    assert dropped.select("source", "reason").rows() == [("a.jsonl:2", reason)]
    assert dropped["text_head"][0]


def test_user_turns_stay_to_the_letter(tmp_path: Path) -> None:
    letter = "Tabs\tand\n\n\n\nlines,  two spaces, cafe\u0301, \u200bzero"
    rows, _ = _read(write_json_lines(tmp_path / "a.jsonl", [{"instruction": letter + "\x00 \n", "output": "x"}]))
    assert rows["turns"][0][0]["content"] == letter


def test_a_folder_of_several_formats(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([SHAPES["alpaca"][0]]))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(json.dumps(SHAPES["messages"][0]).encode()))
    pl.DataFrame([SHAPES["sharegpt"][0], {"conversations": [{"from": "human", "value": "Hi?"}]}]).write_parquet(
        tmp_path / "c.parquet"
    )
    (tmp_path / "notes.txt").write_text("x")
    rows, dropped = _read(tmp_path)
    assert rows["source"].to_list() == ["a.json:1", "b.jsonl.gz:1", "c.parquet:2"]
    assert dropped.select("source", "reason").rows() == [
        ("notes.txt", "file_skipped"),
        ("c.parquet:1", "exact_duplicate"),
    ]


def test_a_skipped_file_whose_name_is_no_utf_8_is_named(tmp_path: Path) -> None:
    write_json_lines(tmp_path / "a.jsonl", [SHAPES["alpaca"][0]])
    (tmp_path / "more").mkdir()
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/more/caf\xe9.xyz")).write_text("x")
    except OSError:
        pytest.skip("the file system takes UTF-8 names alone")
    rows, dropped = _read(tmp_path)
    assert rows.height == 1
    assert dropped.select("source", "reason").rows() == [("more/caf?.xyz", "file_skipped")]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", b'{"title": "x"}\n', ("a.jsonl", "known shape", "title")),
        ("a.jsonl", b"no json\n", ("a.jsonl", "record 1: invalid_json")),
        ("a.parquet", b"no parquet", ("a.parquet", "file_corrupt")),
        ("a.txt", b"x", ("instructions.path", "a.txt")),
    ],
)
def test_a_file_without_instructions_is_an_error(
    name: str, content: bytes, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError) as caught:
        _read(tmp_path)
    assert all(word in str(caught.value) for word in words)


def test_a_missing_folder_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"instructions\.path: .* does not exist"):
        _read(tmp_path / "nowhere")
