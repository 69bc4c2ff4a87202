from pathlib import Path

import polars as pl
import pytest

from persona_assets.corpus.documents import DOCUMENT_SCHEMA, read_shard
from persona_assets_tests.corpus.helpers import (
    count_reasons,
    make_settings,
    make_shard,
    make_text,
    read_batches,
    read_rows,
    write_json_lines,
)


def test_a_row_has_the_contract_columns(tmp_path: Path) -> None:
    row = {"id": 7, "text": make_text(1), "metadata": {"warc_url": "https://a.example/x"}, "license": "cc-by-4.0"}
    rows, dropped = read_rows(write_json_lines(tmp_path / "a.jsonl", [row]))
    assert rows.schema == DOCUMENT_SCHEMA
    found = rows.row(0, named=True)
    assert found.pop("doc_id").startswith("doc_")
    assert found == {
        "text": make_text(1),
        "url": "https://a.example/x",
        "source": "a.jsonl:1",
        "source_id": "7",
        "language": "en",
        "license": "CC-BY-4.0",
        "n_chars": 400,
        "passage": 0,
    }
    assert dropped.is_empty()


def test_text_alone_is_enough(tmp_path: Path) -> None:
    rows, _ = read_rows(write_json_lines(tmp_path / "a.jsonl", [{"text": make_text(1)}]), license="ODC-BY")
    assert rows.select("url", "source_id", "license").rows() == [(None, None, "ODC-BY")]


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"url": "https://a.example"}, "https://a.example"),
        ({"metadata": {"url": "https://b.example"}}, "https://b.example"),
        ({"source": "https://c.example"}, "https://c.example"),
        ({"source": "common-crawl", "metadata": None}, None),
    ],
)
def test_where_an_address_may_stand(fields: dict[str, object], url: str | None, tmp_path: Path) -> None:
    rows, _ = read_rows(write_json_lines(tmp_path / "a.jsonl", [{"text": make_text(1), **fields}]))
    assert rows["url"].to_list() == [url]


def test_each_drop_has_its_reason(tmp_path: Path) -> None:
    numbers = " ".join(str(number) for number in range(200))
    texts = [make_text(1), "too short", "", None, make_text(1).upper().replace(" ", "  "), numbers, make_text(2)]
    rows, dropped = read_rows(write_json_lines(tmp_path / "a.jsonl", [{"text": text} for text in texts]))
    assert rows["source"].to_list() == ["a.jsonl:1", "a.jsonl:7"]
    assert dropped.select("source", "reason").rows() == [
        ("a.jsonl:2", "too_short"),
        ("a.jsonl:3", "empty"),
        ("a.jsonl:4", "empty"),
        ("a.jsonl:5", "exact_duplicate"),
        ("a.jsonl:6", "not_prose"),
    ]
    assert dropped["text_head"][0] == "too short"
    assert all(len(head) <= 200 for head in dropped["text_head"])


def test_an_id_depends_on_the_text_alone(tmp_path: Path) -> None:
    first, _ = read_rows(write_json_lines(tmp_path / "a.jsonl", [{"text": make_text(1), "id": "x"}]))
    second, _ = read_rows(
        write_json_lines(tmp_path / "b.jsonl", [{"text": make_text(2)}, {"text": f" {make_text(1)}\r\n", "url": "u"}])
    )
    assert first["doc_id"][0] == second["doc_id"][1]
    assert first["doc_id"][0] == "doc_df2d4b75467e6dee45d5"


def test_a_long_document_gives_passages_up_to_the_limit(tmp_path: Path) -> None:
    text = " ".join(f"Sentence number {number} tells of the sea." for number in range(500))
    path = write_json_lines(tmp_path / "a.jsonl", [{"text": text}])
    rows, dropped = read_rows(path, max_chars=1_000, max_passages=3)
    assert rows["passage"].to_list() == [0, 1, 2]
    assert (rows["n_chars"] <= 1_000).all()
    assert text.startswith(" ".join(rows["text"]))
    assert rows["doc_id"].n_unique() == 3
    assert count_reasons(dropped) == {"passage_limit": 17}


def test_passages_without_sentences_make_room_for_others(tmp_path: Path) -> None:
    menu = "\n".join(f"Menu entry number {number}" for number in range(36))
    text = f"{menu}\n\n{make_text(1, 900)}\n\n{make_text(2, 900)}"
    path = write_json_lines(tmp_path / "a.jsonl", [{"text": text}])
    rows, dropped = read_rows(path, max_chars=1_000, max_passages=1)
    assert rows["passage"].to_list() == [1]
    assert count_reasons(dropped) == {"few_sentences": 1, "passage_limit": 1}
    rows, _ = read_rows(path, max_chars=1_000, max_passages=1, min_sentences=0)
    assert rows["passage"].to_list() == [0]


def test_languages_that_the_model_cannot_read_are_left_out(tmp_path: Path) -> None:
    russian = "Смотритель маяка каждое утро записывал высоту волн в толстую тетрадь. " * 5
    path = write_json_lines(tmp_path / "a.jsonl", [{"text": text} for text in (make_text(1), russian)])
    rows, dropped = read_rows(path, languages=["en"])
    assert rows["language"].to_list() == ["en"]
    assert dropped.select("source", "reason").rows() == [("a.jsonl:2", "other_language")]


def test_documents_that_begin_alike_give_the_common_passage_once(tmp_path: Path) -> None:
    common = "\n\n".join(make_text(number, 900) for number in range(3))
    texts = [f"{common}\n\n{make_text(number, 900)}" for number in (10, 11)]
    path = write_json_lines(tmp_path / "a.jsonl", [{"text": text} for text in texts])
    rows, dropped = read_rows(path, max_chars=1_000)
    assert rows["doc_id"].n_unique() == rows.height == 5
    assert count_reasons(dropped) == {"exact_duplicate": 3}


def test_duplicates_are_found_across_batches_and_batches_are_bounded(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", [{"text": make_text(number % 25)} for number in range(60)])
    batches = list(read_shard(make_shard(path), make_settings(path), batch_rows=10))
    assert [batch.rows.height for batch in batches][:2] == [10, 10]
    assert all(max(batch.rows.height, batch.dropped.height) <= 10 for batch in batches)
    assert sum(batch.n_records for batch in batches) == 60
    assert pl.concat([batch.rows for batch in batches]).height == 25


def test_reading_is_lazy(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", [{"text": make_text(number)} for number in range(20)])
    with path.open("ab") as stream:
        stream.write(b"x" * 100)
    first = next(read_shard(make_shard(path), make_settings(path), batch_rows=5))
    assert first.rows.height == first.n_records == 5


def test_a_shard_of_nothing_but_drops_gives_a_batch(tmp_path: Path) -> None:
    batches = read_batches(write_json_lines(tmp_path / "a.jsonl", [{"text": "short"}]))
    assert [(batch.rows.height, batch.n_items) for batch in batches] == [(0, 1)]
    assert batches[0].rows.schema == DOCUMENT_SCHEMA


def test_slices_together_give_the_whole_file(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", [{"text": make_text(number)} for number in range(23)])
    whole, _ = read_rows(path)
    sliced, _ = read_rows(path, max_documents=5)
    assert sliced.equals(whole)
