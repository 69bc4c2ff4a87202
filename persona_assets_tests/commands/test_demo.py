"""The sample on its recorded replies: the whole chain, its yields, and what the demo says of them."""

import re
import shutil
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from persona_assets.accounting import Accounting
from persona_assets.commands.demo import (
    LIVE_MODEL,
    PROFILE,
    RECORDED_MODEL,
    REPLIES,
    SHARD,
    choose_settings,
    describe_missing,
    gather_result,
    load_replies,
    measure_usage,
)
from persona_assets.commands.ledger_files import read_entries
from persona_assets.commands.run import run_pipeline
from persona_assets.lake import Lake
from persona_assets.llm.provider import NOT_RECORDED
from persona_assets.settings import Settings, load_settings
from persona_assets_tests.asking import PROMPTS
from persona_assets_tests.commands.conftest import Call, SmallProject

ROWS = {
    "web_text": 28,
    "source_instructions": 24,
    "seed_personas": 28,
    "expanded_personas": 108,
    "persona_hub": 136,
    "character_profiles": 16,
    "dialogues_r": 34,
    "dialogues_g": 44,
    "instructions": 24,
    "conversations": 8,
    "game_npcs": 12,
    "knowledge_texts": 12,
    "logic_problems": 8,
    "logic_solutions": 8,
    "math_problems": 10,
    "math_solutions": 10,
    "persona_talks": 6,
    "ruozhiba_questions": 16,
    "tools": 10,
    "tool_code": 10,
    "sft_mix": 170,
}
"""Rows of each table; a change of a prompt, a check or the rule of the hub shows here."""

FLAGS = {"math_solutions": {"answer_differs": 2}, "sft_mix": {"answer_differs": 2}}
"""Two solutions write the writer's answer in a way that no rule of equality knows."""

SFT_ROWS = 168


@pytest.fixture
def demo_settings(empty_project: SmallProject, monkeypatch: pytest.MonkeyPatch) -> Settings:
    # As on a machine where nothing is set, with every recipe that is shipped.
    (empty_project.folder / "pipeline.toml").unlink()
    monkeypatch.setenv("PERSONA_ASSETS__PATHS__PROMPTS", str(PROMPTS))
    return choose_settings(load_settings(), live=False, record=None)


def test_the_sample_makes_every_table_from_recorded_replies(demo_settings: Settings, call: Call) -> None:
    called = call("demo")
    assert called.code == 0, called.out + called.err
    result = gather_result(demo_settings)
    accounts = result.accounts
    assert {asset: account.rows for asset, account in accounts.items()} == ROWS
    assert result.sft_rows == SFT_ROWS
    refused = sum((account.refused + account.quarantined for account in accounts.values()), Counter[str]())
    assert not refused
    # A round of the demo asks about six.
    assert {asset for asset, account in accounts.items() if account.skipped} == {"expanded_personas"}
    assert {asset: account.flags for asset, account in accounts.items() if account.flags} == FLAGS
    usage = measure_usage(demo_settings)
    assert usage.calls == sum(len(page) for page in read_entries(REPLIES))
    assert f"{usage.calls} calls would have cost" in " ".join(called.out.split())
    assert "make demo LIVE=1" in called.out
    assert all(persona[:60] in called.out for persona in result.personas)
    _check_text(demo_settings)


def _check_text(settings: Settings) -> None:
    lake = Lake(settings.lake)
    # Whoever reads a relative's row never meets the first person.
    relatives = lake.scan("expanded_personas", "sample").select("persona", "relationship").collect()
    assert relatives["relationship"].n_unique() > relatives.height / 2
    openings = relatives["persona"].str.slice(0, 25)
    assert openings.n_unique() > 0.8 * relatives.height
    votes = lake.scan("math_solutions", "sample").select("n_agree", "n_answers").collect()
    assert votes.filter(pl.col("n_agree") < 2).is_empty()
    assert votes["n_answers"].to_list() == [3] * votes.height


def test_a_request_without_a_reply_is_named(
    demo_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prompts = tmp_path / "edited"
    shutil.copytree(PROMPTS, prompts)
    file = prompts / "seed_personas.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("You infer from a text", "You read from a text"), "utf-8")
    monkeypatch.setenv("PERSONA_ASSETS__PATHS__PROMPTS", str(prompts))
    settings = choose_settings(load_settings(), live=False, record=None)
    load_replies(settings)
    run_pipeline(settings, Console(), [SHARD], ["web_text", "seed_personas"], None)
    account = Lake(settings.lake).info("seed_personas", SHARD).accounting
    assert account.refused == {NOT_RECORDED: 28}
    said = describe_missing({"web_text": Accounting(), "seed_personas": account})
    assert said is not None
    assert "28 requests have no recorded reply (seed_personas 28)" in said
    assert "make record URL=" in said
    assert describe_missing({"web_text": Accounting()}) is None
    named = [message for message in caplog.messages if "no recorded reply for a request of seed_personas" in message]
    assert len(named) == 28


def test_whom_the_demo_asks(empty_project: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_settings(load_settings(), live=False, record=None).model.name == "scripted/plain"
    monkeypatch.setenv("PERSONA_ASSETS__MODEL__NAME", LIVE_MODEL)
    assert choose_settings(load_settings(), live=False, record=None).model.name == RECORDED_MODEL
    assert choose_settings(load_settings(), live=True, record=None).model.name == LIVE_MODEL
    recording = choose_settings(load_settings(), live=False, record="http://127.0.0.1:8090/v1").model
    assert (recording.name, recording.api_base) == (RECORDED_MODEL, "http://127.0.0.1:8090/v1")
    assert load_settings(**PROFILE).corpus.path.name == "documents"


def test_recorded_replies_are_distinct_and_hold_no_contact_data() -> None:
    entries = [entry for page in read_entries(REPLIES) for entry in page]
    texts = [entry.response["choices"][0]["message"]["content"] for entry in entries]
    assert len(set(texts)) == len(texts)
    assert not [text for text in texts if re.search(r"[\w.]+@[\w-]+\.\w{2,}|https?://(?!example\.)", text)]
