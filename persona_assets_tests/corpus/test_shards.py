import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.corpus.shards import Discovery, claim_keys, discover_shards, make_key
from persona_assets_tests.corpus.helpers import make_settings, make_text, read_rows, write_json_lines

GOOD = [{"text": make_text(number)} for number in range(3)]


def _keys(found: Discovery) -> list[str]:
    return [shard.key for shard in found.shards]


def test_files_become_shards_named_by_their_paths(tmp_path: Path) -> None:
    for name in ("news.jsonl", "deep/er/part 1.jsonl", "v1.2/données.json", "文档.jsonl"):
        write_json_lines(tmp_path / name, GOOD)
    found = discover_shards(make_settings(tmp_path))
    assert _keys(found) == ["deep-er-part_1", "file-96184ba8", "news", "v1.2-donnees"]
    assert found.shards[0].names == ("deep/er/part 1.jsonl",)
    assert found.skipped == ()


def test_other_files_do_not_change_a_key(tmp_path: Path) -> None:
    write_json_lines(tmp_path / "b.jsonl", GOOD)
    before = discover_shards(make_settings(tmp_path)).shards
    for name in ("a.jsonl", "b.csv", "B/x.jsonl", "c/b.jsonl", "b.0001.jsonl"):
        write_json_lines(tmp_path / name, GOOD)
    after = discover_shards(make_settings(tmp_path)).shards
    assert before[0] in after
    assert len({shard.key.casefold() for shard in after}) == len(after) == 6
    assert {shard.key for shard in after} == {"b", "b.csv", "a", "B-x", "c-b", "b-0001"}


def test_a_large_file_becomes_numbered_slices(tmp_path: Path) -> None:
    write_json_lines(tmp_path / "big.jsonl", [{"text": make_text(number)} for number in range(11)])
    found = discover_shards(make_settings(tmp_path, max_documents=5))
    assert [(shard.key, shard.start, shard.stop) for shard in found.shards] == [
        ("big", 0, 5),
        ("big.0001", 5, 10),
        ("big.0002", 10, None),
    ]


def test_text_files_of_a_folder_are_one_shard(tmp_path: Path) -> None:
    for name in ("x.txt", "y.md", "sub/a.txt", "sub/b.txt", "sub/c.txt"):
        (tmp_path / "texts" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "texts" / name).write_text(make_text(sum(name.encode())))
    found = discover_shards(make_settings(tmp_path / "texts", max_documents=2))
    assert [(shard.key, shard.names) for shard in found.shards] == [
        ("sub", ("sub/a.txt", "sub/b.txt")),
        ("sub.0001", ("sub/c.txt",)),
        ("texts", ("x.txt", "y.md")),
    ]
    rows, _ = read_rows(tmp_path / "texts")
    assert rows["source"].to_list() == ["sub/a.txt:1", "sub/b.txt:1", "sub/c.txt:1", "x.txt:1", "y.md:1"]


def test_a_subfolder_named_like_the_corpus_keeps_its_files(tmp_path: Path) -> None:
    for name in ("docs/one.txt", "docs/docs/two.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(make_text(len(name)))
    found = discover_shards(make_settings(tmp_path / "docs"))
    assert sorted(name for shard in found.shards for name in shard.names) == ["docs/two.txt", "one.txt"]
    assert len(set(_keys(found))) == 2


def test_what_is_no_text_is_passed_over_with_its_reason(tmp_path: Path) -> None:
    write_json_lines(tmp_path / "good.jsonl", GOOD)
    write_json_lines(tmp_path / ".git" / "x.jsonl", GOOD)
    for name in ("README.md", ".hidden.txt", "notes.docx"):
        (tmp_path / name).write_text("x")
    found = discover_shards(make_settings(tmp_path))
    assert {item.path.name: item.reason.split(";")[0] for item in found.skipped} == {
        ".hidden.txt": "hidden",
        "README.md": "a README is about the corpus, not of it",
        "notes.docx": "unknown format",
    }
    assert _keys(found) == ["good"]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"persona": "a nurse"}, "persona"),
        ({"input persona": "a nurse", "synthesized text": "x"}, "persona"),
        ({"text": "x", "persona": "a nurse"}, "text"),
        ({"body": "x"}, "text"),
    ],
)
def test_the_columns_tell_personas_from_text(row: dict[str, str], kind: str, tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", [row])
    assert discover_shards(make_settings(path)).shards[0].kind == kind


def test_a_single_file_is_a_corpus(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / ".dir" / "one.jsonl", GOOD)
    found = discover_shards(make_settings(path))
    assert [(shard.key, shard.names) for shard in found.shards] == [("one", ("one.jsonl",))]
    (tmp_path / "README.md").write_text(make_text(1))
    assert _keys(discover_shards(make_settings(tmp_path / "README.md"))) == ["README"]


def test_counts_are_remembered_until_the_file_changes(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "corpus" / "a.jsonl", GOOD)
    cache = tmp_path / "state" / "facts.json"
    discover_shards(make_settings(path, max_documents=2), cache)
    entries = json.loads(cache.read_text())
    (key,) = entries
    assert entries[key] == {"records": 3, "columns": ["text"]}
    entries[key]["records"] = 9
    cache.write_text(json.dumps(entries))
    assert len(discover_shards(make_settings(path, max_documents=2), cache).shards) == 5
    os.utime(path, ns=(1, 1))
    assert len(discover_shards(make_settings(path, max_documents=2), cache).shards) == 2
    assert list(cache.parent.iterdir()) == [cache]


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"x": 1}', '{"x": {"records": "many", "columns": 3}}'])
def test_a_damaged_cache_is_rebuilt(content: str, tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", GOOD)
    cache = tmp_path / "facts.json"
    cache.write_text(content)
    assert _keys(discover_shards(make_settings(path), cache)) == ["a"]
    assert len(json.loads(cache.read_text())) == 1


@given(st.text(min_size=1, max_size=200))
def test_any_name_gives_a_safe_key(name: str) -> None:
    key = make_key(name)
    assert 0 < len(key) <= 110
    assert all(char.isascii() and (char.isalnum() or char in "._-") for char in key)
    assert ".." not in key
    assert key[0] not in "._-"


@given(st.lists(st.text("aB./1 é", min_size=1, max_size=8), unique=True))
def test_keys_are_unique_whatever_the_case(paths: list[str]) -> None:
    keys = claim_keys(paths, lambda path: path.removesuffix(".a"))
    assert len({key.casefold() for key in keys.values()}) == len(paths)
