"""Yields on real files, found by PERSONA_ASSETS_TEST_DATA."""

import os
from pathlib import Path

import polars as pl
import pytest

from persona_assets.corpus.instructions import read_instructions
from persona_assets.corpus.personas import read_persona_shard
from persona_assets.corpus.shards import discover_shards
from persona_assets.settings import InstructionSettings
from persona_assets_tests.corpus.helpers import count_reasons, make_settings, read_rows

DATA = Path(os.environ.get("PERSONA_ASSETS_TEST_DATA", "nowhere"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="PERSONA_ASSETS_TEST_DATA names no folder")


def test_common_crawl_pages() -> None:
    rows, dropped = read_rows(DATA / "web" / "cc_2019_cclicensed_697.jsonl.gz")
    reasons = count_reasons(dropped)
    # 27 of the 35 repeated texts are empty.
    assert reasons["empty"] == 27
    assert reasons["exact_duplicate"] == 7
    # About a third of these pages are menus, lists and tables.
    assert reasons["few_sentences"] > 100
    assert rows["source"].n_unique() > 400
    assert rows["doc_id"].is_unique().all()
    assert rows["n_chars"].is_between(200, 2_000).all()
    assert rows["url"].null_count() == 0
    languages = rows["language"].unique().to_list()
    assert {"en", "es", "it", "ru", "zh", "ja", "ko", "ta", "he", "fa"} <= set(languages)
    # The one Thai page offers a word's pronunciations, with votes and buttons.
    thai = dropped.filter(pl.col("text_head").str.contains("[\u0e00-\u0e7f]{5}"))
    assert thai["reason"].unique().to_list() == ["few_sentences"]
    assert (rows["language"] == "und").sum() < 0.05 * rows.height
    assert rows["license"].str.contains(r"^(CC-BY|CC0|PDM)").all()


def test_c4_has_text_alone() -> None:
    rows, dropped = read_rows(DATA / "web" / "c4_300.jsonl")
    assert rows["source"].n_unique() == 286
    assert count_reasons(dropped)["few_sentences"] == 1
    assert count_reasons(dropped)["too_short"] == 13
    assert (rows["language"] == "en").sum() > 0.99 * rows.height
    assert rows["url"].null_count() == rows.height


def test_a_web_archive() -> None:
    rows, dropped = read_rows(DATA / "web" / "sample_22.warc.gz")
    assert rows["source"].n_unique() == 21
    assert set(count_reasons(dropped)) == {"passage_limit", "few_sentences"}
    assert rows["url"].str.starts_with("https://").all()


def test_published_personas() -> None:
    settings = make_settings(DATA / "personas", license="CC-BY-NC-SA-4.0")
    shards = discover_shards(settings).shards
    assert [shard.kind for shard in shards] == ["persona", "persona"]
    rows = pl.concat([batch.rows for shard in shards for batch in read_persona_shard(shard, settings)])
    assert rows["position"].to_list() == list(range(1, 2_501))


@pytest.mark.parametrize(
    ("name", "sessions", "multi_turn"),
    [("dolly_2000.json", 1_999, 0), ("lima_train_1029.json", 1_029, 29), ("self_instruct_seed_tasks.jsonl", 175, 0)],
)
def test_instruction_sets(name: str, sessions: int, multi_turn: int) -> None:
    rows, _ = read_instructions(InstructionSettings(path=DATA / "instructions" / name))
    assert rows.height == sessions
    assert (rows["n_user_turns"] > 1).sum() == multi_turn
    assert rows["has_answers"].all()
