"""Tombstones: what was forgotten is not taken in again, however it is written or cut."""

from dataclasses import replace
from pathlib import Path

import pytest

from persona_assets.corpus.documents import read_shard
from persona_assets.corpus.tombstones import (
    Tombstone,
    Tombstones,
    hash_name,
    hash_text,
    load_tombstones,
    put_tombstone,
    read_tombstones,
)
from persona_assets.errors import CorpusError
from persona_assets_tests.corpus.helpers import make_settings, make_shard

TEXT = "A short guide to bees. They live in hives, and they make honey from nectar. " * 6


def test_a_stone_takes_the_place_of_an_earlier_one_for_the_same_request(tmp_path: Path) -> None:
    stone = Tombstone(hash_name("a"), ("doc_1", "per_1"))
    put_tombstone(tmp_path, stone)
    put_tombstone(tmp_path, Tombstone(hash_name("b"), ("doc_2",)))
    put_tombstone(tmp_path, replace(stone, ids=("doc_1",), is_done=True))
    assert {one.asked: one.is_done for one in read_tombstones(tmp_path)} == {
        hash_name("a"): True,
        hash_name("b"): False,
    }
    assert set(load_tombstones(tmp_path).ids) == {"doc_1", "doc_2"}


def test_it_holds_no_text_and_no_address(tmp_path: Path) -> None:
    stone = Tombstone(
        hash_name("https://a.example/1"), texts=(hash_text(TEXT),), urls=(hash_name("https://a.example/1"),)
    )
    put_tombstone(tmp_path, stone)
    kept = (tmp_path / "tombstones.jsonl").read_text()
    assert "example" not in kept
    assert "bees" not in kept


@pytest.mark.parametrize("changed", [TEXT, TEXT.upper(), f"  {TEXT}\n"])
def test_a_text_is_known_in_other_spacing_and_case(changed: str) -> None:
    stones = Tombstones.of([Tombstone("", texts=(hash_text(TEXT),))])
    assert stones.cover(changed)
    assert not stones.cover(f"{TEXT} And wax.")


def test_a_page_is_known_by_its_address() -> None:
    stones = Tombstones.of([Tombstone("", urls=(hash_name("https://a.example/1"),))])
    assert stones.cover("anything", "https://a.example/1")
    assert not stones.cover("anything", "https://a.example/2")
    assert not stones.cover("anything")


def test_a_persona_is_known_by_its_text_and_by_its_id() -> None:
    stones = Tombstones.of([Tombstone("", ids=("per_1",), texts=(hash_text("A nurse who dives."),))])
    assert stones.cover_persona("A nurse who  DIVES.", "per_2")
    assert stones.cover_persona("A nurse, who dives.", "per_1")
    assert not stones.cover_persona("A nurse, who dives.", "per_2")
    assert not Tombstones().cover_persona("A nurse who dives.", "per_1")


@pytest.mark.parametrize("max_chars", [2_000, 250])
def test_a_document_is_kept_out_however_it_is_cut(max_chars: int, tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text(
        '{{"text": "{}"}}\n{{"text": "{}"}}\n'.format(TEXT, TEXT.replace("bees", "wasps")), encoding="utf-8"
    )
    stones = Tombstones.of([Tombstone("", texts=(hash_text(TEXT.strip()),))])
    batches = list(read_shard(make_shard(path), make_settings(path, max_chars=max_chars), forgotten=stones))
    assert all("bees" not in text for batch in batches for text in batch.rows["text"])
    assert any("wasps" in text for batch in batches for text in batch.rows["text"])
    dropped = batches[0].dropped.filter(reason="forgotten")
    assert dropped["text_head"].to_list() == [""]


def test_a_damaged_file_stops_the_reading(tmp_path: Path) -> None:
    (tmp_path / "tombstones.jsonl").write_text("{")
    with pytest.raises(CorpusError, match=r"tombstones\.jsonl cannot be read .*restore it from a copy"):
        load_tombstones(tmp_path)
