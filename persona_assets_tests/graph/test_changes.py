"""What changes is asked again, and nothing else: rows added, a prompt edited, a limit raised, shards cut anew."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from persona_assets.lake import Lake
from persona_assets.settings import Settings
from persona_assets_tests.graph.runs import SHARD, make_settings, materialise_shard, write_documents
from persona_assets_tests.llm.scripted_server import answer_by_script
from persona_assets_tests.llm.server import ModelServer
from persona_assets_tests.prompt_files import keep_recipes

BEFORE_DIALOGUES = ("web_text", "seed_personas", "expanded_personas")


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        server.answer = answer_by_script
        yield server


def use(server: ModelServer, folder: Path, **overrides: Any) -> Settings:
    model = {"name": "hosted_vllm/double", "api_base": server.url}
    return make_settings(folder, model=model, **overrides)


def run(settings: Settings, *shards: str, assets: tuple[str, ...] = ()) -> None:
    instance = dg.DagsterInstance.ephemeral()
    for shard in shards or (SHARD,):
        assert materialise_shard(settings, shard, *assets, instance=instance).success


def take_bill(server: ModelServer) -> list[str]:
    """What was answered since the last look, each request once."""
    # The length of a reply is no part of the question.
    bill = [json.dumps({**body, "max_tokens": None}, sort_keys=True) for body in server.bill]
    server.bill.clear()
    assert len(bill) == len(set(bill))
    return bill


def test_documents_that_are_added_are_all_that_is_asked(server: ModelServer, empty: Settings, tmp_path: Path) -> None:
    settings = use(server, tmp_path, expansion={"rounds": 0})
    corpus = tmp_path / "corpus" / f"{SHARD}.jsonl"
    write_documents(corpus, range(1, 5))
    run(settings, assets=BEFORE_DIALOGUES)
    first = take_bill(server)
    # One before the others and one behind them.
    write_documents(corpus, range(6))
    run(settings, assets=BEFORE_DIALOGUES)
    assert len(take_bill(server)) == 2
    assert len(first) == 4


def test_an_edited_prompt_is_all_that_is_asked(server: ModelServer, empty: Settings, tmp_path: Path) -> None:
    keep_recipes(tmp_path / "prompts", ("math", "math_solutions"))
    settings = use(server, tmp_path)
    run(settings)
    take_bill(server)
    prompt = tmp_path / "prompts" / "dialogues_g.yaml"
    text = prompt.read_text(encoding="utf-8")
    prompt.write_text(text.replace("Stay in character", "Remain in character"), encoding="utf-8")
    run(settings)
    again = take_bill(server)
    assert again
    assert all("Remain in character" in body for body in again)


def test_a_raised_limit_asks_for_what_was_cut_off_alone(server: ModelServer, empty: Settings, tmp_path: Path) -> None:
    tasks = {"math_problems": {"max_tokens": 16}}
    settings = use(server, tmp_path, tasks=tasks)
    run(settings, assets=("web_text", "seed_personas", "expanded_personas", "persona_hub", "hub_duplicates"))
    take_bill(server)
    run(settings, assets=("math_problems",))
    first = take_bill(server)
    cut = Lake(settings.data / "lake").info("math_problems", SHARD).accounting.quarantined["truncated"]
    assert 0 < cut <= len(first)
    tasks["math_problems"]["max_tokens"] = 400
    run(use(server, tmp_path, tasks=tasks), assets=("math_problems",))
    again = take_bill(server)
    assert len(again) == cut
    assert set(again) <= set(first)


def test_shards_that_are_cut_anew_ask_nothing_about_their_texts(
    server: ModelServer, empty: Settings, tmp_path: Path
) -> None:
    run(use(server, tmp_path, expansion={"rounds": 1}), assets=BEFORE_DIALOGUES)
    assert take_bill(server)
    smaller = use(server, tmp_path, expansion={"rounds": 1}, corpus={"max_documents": 2})
    from persona_assets.corpus.shards import discover_shards

    shards = [shard.key for shard in discover_shards(smaller.corpus, smaller.data / "corpus_facts.json").shards]
    assert len(shards) == 3
    run(smaller, *shards, assets=BEFORE_DIALOGUES)
    asked = take_bill(server)
    # A round's frontier is bounded for each shard, so smaller ones may expand more; no text is asked about again.
    assert not any("<text>" in json.loads(body)["messages"][-1]["content"] for body in asked)
