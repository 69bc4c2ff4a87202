"""The whole graph by batches: the same rows as when everything is asked at once."""

import shutil
from pathlib import Path

import pytest

from persona_assets.llm import batches
from persona_assets_tests.graph.runs import (
    SHARD,
    list_failures,
    make_settings,
    materialise_chain,
    read_files,
    write_documents,
)
from persona_assets_tests.llm.batch_server import BatchServer
from persona_assets_tests.llm.scripted_server import answer_by_script
from persona_assets_tests.llm.server import ModelServer


@pytest.mark.usefixtures("little_to_collect")
@pytest.mark.parametrize("documents", [3, pytest.param(6, marks=pytest.mark.long)])
def test_batches_make_the_same_rows(
    documents: int, few_recipes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_QUIET_SECONDS", 0.05)
    shutil.copytree(few_recipes, tmp_path / "now")
    write_documents(tmp_path / "now" / "corpus" / f"{SHARD}.jsonl", range(documents))
    with ModelServer() as server:
        server.answer = answer_by_script
        now = make_settings(tmp_path / "now", model={"name": "openai/double", "api_base": server.url})
        assert list_failures(*materialise_chain(now).results) == {}
        asked_now = len(server.bill)
    shutil.copytree(tmp_path / "now" / "corpus", tmp_path / "later" / "corpus")
    shutil.copytree(few_recipes, tmp_path / "later", dirs_exist_ok=True, ignore=shutil.ignore_patterns("corpus"))
    with BatchServer() as server:
        server.answer = answer_by_script
        # Some of each first batch expires.
        server.expires = lambda number: len(server.batches) % 3 == 1 and number % 4 == 0
        model = {"name": "openai/double", "api_base": server.url}
        later = make_settings(tmp_path / "later", model=model, batch={"enabled": True, "poll_seconds": 0.02})
        assert list_failures(*materialise_chain(later).results) == {}
        assert len(server.bill) == asked_now
    for part in ("lake", "sft_dataset"):
        assert read_files(later.data / part) == read_files(now.data / part)
