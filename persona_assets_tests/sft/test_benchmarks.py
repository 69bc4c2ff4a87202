"""Decontamination: what of a benchmark is found in an example, and what is not."""

import json
import os
from pathlib import Path

import polars as pl
import pytest

from persona_assets.accounting import Accounting
from persona_assets.embedding.encoder import Encoder
from persona_assets.errors import CorpusError
from persona_assets.records import QUARANTINE_COLUMNS
from persona_assets.settings import DecontaminationSettings, EmbeddingSettings
from persona_assets.sft.benchmarks import Benchmarks, describe_benchmarks
from persona_assets.sft.examples import take_out_benchmarks
from persona_assets.tables import Batch

DATA = Path(os.environ.get("PERSONA_ASSETS_TEST_DATA", "nowhere")) / "benchmarks"
DUCKS = (
    "A farm has sixteen ducks, and each of them lays one egg a day. The farmer eats three eggs for breakfast and"
    " sells the rest at the market for two dollars each. How much does she earn every day?"
)
SHORT = "Name the longest river on the old map of Asia."


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(EmbeddingSettings())


@pytest.fixture
def benchmarks(tmp_path: Path, encoder: Encoder) -> Benchmarks:
    rows = [{"question": DUCKS, "answer": "#### 26"}, {"turns": [SHORT, "Why?"]}]
    (tmp_path / "bench.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return Benchmarks(DecontaminationSettings(benchmarks=(tmp_path,)), encoder)


def say(user: str, assistant: str = "I do not know.", system: str = "") -> list[dict[str, str]]:
    turns = [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
    return [{"role": "system", "content": system}, *turns] if system else turns


@pytest.mark.parametrize(
    ("messages", "reason", "origin"),
    [
        (say(DUCKS), "benchmark_words", "bench.jsonl:1"),
        (say(DUCKS.upper().replace(",", " --")), "benchmark_words", "bench.jsonl:1"),
        (say("Make one up.", f"Here: {DUCKS[60:160]}"), "benchmark_words", "bench.jsonl:1"),
        (say(f"Well then. {SHORT} Quickly!"), "benchmark_words", "bench.jsonl:2"),
        (
            say(
                "On a farm there are sixteen ducks that each lay an egg every day. The farmer has three eggs for"
                " breakfast and sells the others on the market at two dollars apiece. What does she earn in a day?"
            ),
            "benchmark_meaning",
            "bench.jsonl:1",
        ),
        (say("A baker has twelve loaves and sells five of them. How many are left?"), None, None),
        (say("Why?"), None, None),
        (say("What is a duck?", system=DUCKS), None, None),
    ],
)
def test_an_example_is_a_benchmark_by_words_or_by_meaning(
    messages: list[dict[str, str]], reason: str | None, origin: str | None, benchmarks: Benchmarks
) -> None:
    [found] = benchmarks.find([messages])
    assert (found and found.reason) == reason
    assert found is None or found.detail.startswith(f"{origin}: ")


def test_what_is_flagged_lies_in_quarantine_and_not_in_the_mix(benchmarks: Benchmarks) -> None:
    rows = pl.DataFrame(
        {
            "example_id": ["sft_1", "sft_2"],
            "source_row_id": ["itm_1", "itm_2"],
            "messages": [say(DUCKS), say("A plain question?")],
            "flags": [[], ["declines"]],
            "response_keys": [["key"], []],
        }
    )
    batch = Batch(rows, pl.DataFrame(schema=QUARANTINE_COLUMNS), Accounting.of_rows(3, 2, {"source_gone": 1}, {}))
    [cleaned] = take_out_benchmarks([batch], benchmarks)
    assert cleaned.rows["example_id"].to_list() == ["sft_2"]
    assert cleaned.quarantined.select("row_id", "reason", "response_key").rows() == [
        ("itm_1", "benchmark_words", "key")
    ]
    assert cleaned.accounting.find_imbalance() is None
    assert dict(cleaned.accounting.quarantined) == {"benchmark_words": 1}
    assert dict(cleaned.accounting.flags) == {"declines": 1}


def test_without_benchmarks_nothing_is_encoded(encoder: Encoder) -> None:
    none = Benchmarks(DecontaminationSettings(), encoder)
    assert len(none) == 0
    assert none.find([say(DUCKS)]) == [None]


def test_the_record_names_each_file_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "bench.jsonl"
    path.write_text('{"question": "a"}', encoding="utf-8")
    settings = DecontaminationSettings(benchmarks=(path,))
    before = describe_benchmarks(settings)
    path.write_text('{"question": "b"}', encoding="utf-8")
    assert before.keys() == {"bench.jsonl"}
    assert describe_benchmarks(settings) != before


def test_a_file_that_is_not_there_is_named(tmp_path: Path, encoder: Encoder) -> None:
    with pytest.raises(CorpusError, match=r"decontamination\.benchmarks"):
        Benchmarks(DecontaminationSettings(benchmarks=(tmp_path / "none.jsonl",)), encoder)


GOOD_LINE = json.dumps({"question": DUCKS}).encode() + b"\n"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("latin.jsonl", GOOD_LINE + '{"question": "café"}\n'.encode("latin-1"), ("row 2", "not UTF-8")),
        ("cut.json", b'[{"question": "a"}, {"quest', ("row 2", "breaks off")),
        ("bad.parquet", b"no parquet", ("row 1", "file_corrupt")),
        ("packed.jsonl.bz2", b"BZh", ("unknown format", ".jsonl")),
        ("empty.jsonl", b"", ("empty file",)),
        ("blank.jsonl", b"\n \n", ("no text of 8 words",)),
        ("numbers.jsonl", b'{"answer": 26}\n', ("no text of 8 words",)),
        ("short.csv", b"question\nWhy?\n", ("no text of 8 words",)),
    ],
)
@pytest.mark.parametrize("named", ["file", "folder"])
def test_a_file_that_cannot_be_looked_for_is_an_error_that_names_it(
    named: str, name: str, content: bytes, words: tuple[str, ...], tmp_path: Path, encoder: Encoder
) -> None:
    (tmp_path / "good.jsonl").write_bytes(GOOD_LINE)
    (tmp_path / name).write_bytes(content)
    path = tmp_path / name if named == "file" else tmp_path
    with pytest.raises(CorpusError, match=r"decontamination\.benchmarks") as caught:
        Benchmarks(DecontaminationSettings(benchmarks=(path,)), encoder)
    for word in (name, *words, "out"):
        assert word in str(caught.value)


def test_texts_that_the_model_cannot_judge_are_compared_by_words_alone(tmp_path: Path, encoder: Encoder) -> None:
    thai = "ชาวประมงขายปลาที่ตลาดทุกเช้าและกลับบ้านตอนเที่ยง"
    other = "ครูสอนเด็กอ่านหนังสือในโรงเรียนเล็กบนภูเขาสูง"
    english = "The fishermen sell their catch at the market every morning and go home at noon."
    rows = "\n".join(json.dumps({"text": text}) for text in (thai, english))
    (tmp_path / "thai.jsonl").write_text(rows, encoding="utf-8")
    benchmarks = Benchmarks(DecontaminationSettings(benchmarks=(tmp_path,), cosine=0.5), encoder)
    same, near = benchmarks.find([[{"role": "user", "content": text}] for text in (thai, other)])
    assert same is not None and same.reason == "benchmark_words"
    assert near is None


def test_a_folder_of_nothing_is_an_error(tmp_path: Path, encoder: Encoder) -> None:
    with pytest.raises(CorpusError, match=r"decontamination\.benchmarks: .* holds no benchmark"):
        Benchmarks(DecontaminationSettings(benchmarks=(tmp_path,)), encoder)


def test_what_is_hidden_in_a_folder_and_its_readme_are_no_benchmarks(tmp_path: Path, encoder: Encoder) -> None:
    (tmp_path / "good.jsonl").write_bytes(GOOD_LINE)
    (tmp_path / "README.md").write_text("x")
    (tmp_path / ".gitattributes").write_text("x")
    assert len(Benchmarks(DecontaminationSettings(benchmarks=(tmp_path,)), encoder)) == 1


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("农场里有十六只鸭子,每只鸭子每天下一个蛋。农夫早餐吃三个,其余的卖掉。", "每只鸭子每天下一个蛋。农夫早"),
        ("農場にアヒルが十六羽います。毎日ひとつずつ卵を産みます。", "農場にアヒルが十六羽います"),
        ("ฟาร์มมีเป็ดสิบหกตัว แต่ละตัวออกไข่วันละหนึ่งฟอง", "ฟาร์มมีเป็ดสิบหกตัว"),
        ("世界上最长的河流是哪条?", "请问,世界上最长的河流是哪条?谢谢"),
    ],
)
def test_characters_of_scripts_without_spaces_count_as_words(
    text: str, part: str, tmp_path: Path, encoder: Encoder
) -> None:
    (tmp_path / "bench.jsonl").write_text(json.dumps({"question": text}), encoding="utf-8")
    benchmarks = Benchmarks(DecontaminationSettings(benchmarks=(tmp_path,)), encoder)
    [found, other] = benchmarks.find([say("Tell me.", f"Yes: {part}"), say("Tell me.", "我喜欢在海边散步,看日出。")])
    assert (found and found.reason) == "benchmark_words"
    assert other is None


@pytest.mark.skipif(not DATA.is_dir(), reason="PERSONA_ASSETS_TEST_DATA names no folder")
@pytest.mark.parametrize("rows", [100, pytest.param(None, marks=pytest.mark.long)], ids=["some", "all"])
def test_published_benchmarks_are_found_in_examples_made_of_them(
    rows: int | None, encoder: Encoder, tmp_path: Path
) -> None:
    lines = (DATA / "gsm8k_test.jsonl").read_text(encoding="utf-8").splitlines()[:rows]
    (tmp_path / "gsm8k.jsonl").write_text("\n".join(lines), encoding="utf-8")
    benchmarks = Benchmarks(DecontaminationSettings(benchmarks=(tmp_path / "gsm8k.jsonl",)), encoder)
    assert all(benchmarks.find([say(json.loads(line)["question"]) for line in lines[:200]]))
    text = (DATA / "math500_test.jsonl").read_text(encoding="utf-8")
    others = [say(json.loads(line)["problem"]) for line in text.splitlines()[:rows]]
    assert sum(one is not None for one in benchmarks.find(others)) <= len(others) // 100
