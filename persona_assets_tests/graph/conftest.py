"""A small project whose chain was run once, and copies of it for tests that go on from there."""

import shutil
from pathlib import Path

import pytest

from persona_assets.settings import PACKAGE, Settings
from persona_assets_tests.conftest import Share, copy_project
from persona_assets_tests.graph.runs import (
    SHARD,
    Chain,
    make_settings,
    materialise_chain,
    take_compiled_models,
    write_documents,
    write_instructions,
)
from persona_assets_tests.prompt_files import keep_recipes


@pytest.fixture(autouse=True)
def _no_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")


@pytest.fixture(scope="session", autouse=True)
def _compiled(compiled_models: Path) -> None:
    take_compiled_models(compiled_models)


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six documents, four sessions and a copy of the prompts."""
    folder = tmp_path_factory.mktemp("sources")
    write_documents(folder / "corpus" / f"{SHARD}.jsonl", range(6))
    write_instructions(folder / "instructions" / "few.jsonl")
    shutil.copytree(PACKAGE.parent / "prompts", folder / "prompts")
    return folder


@pytest.fixture(scope="session")
def few_recipes(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with one recipe of each kind, for what treats all recipes alike and asks slowly."""
    folder = tmp_path_factory.mktemp("few")
    shutil.copytree(sources, folder, dirs_exist_ok=True)
    keep_recipes(folder / "prompts", ("math", "math_solutions", "game_npcs"))
    return folder


@pytest.fixture(scope="session")
def _finished_runs() -> list[Chain]:
    """What was run to make the finished project, if this worker made it."""
    return []


@pytest.fixture(scope="session")
def finished_folder(sources: Path, share: Share, _finished_runs: list[Chain]) -> Path:
    """The small project, materialised from text to release by one of the workers; nobody changes it."""

    def make(folder: Path) -> None:
        shutil.copytree(sources, folder, dirs_exist_ok=True)
        _finished_runs.append(materialise_chain(make_settings(folder, automation={"pictures": True})))

    return share("finished", make)


@pytest.fixture(scope="session")
def finished(
    sources: Path, finished_folder: Path, _finished_runs: list[Chain], tmp_path_factory: pytest.TempPathFactory
) -> Chain:
    """The same with what Dagster says of its runs, which only this process can know."""
    if not _finished_runs:
        folder = tmp_path_factory.mktemp("finished")
        shutil.copytree(sources, folder, dirs_exist_ok=True)
        _finished_runs.append(materialise_chain(make_settings(folder, automation={"pictures": True})))
    return _finished_runs[0]


@pytest.fixture
def empty(sources: Path, tmp_path: Path) -> Settings:
    """A copy of the small project with nothing materialised."""
    shutil.copytree(sources, tmp_path, dirs_exist_ok=True)
    return make_settings(tmp_path)


@pytest.fixture
def copied(finished_folder: Path, tmp_path: Path) -> Settings:
    """A copy of the finished project, to go on with."""
    copy_project(finished_folder, tmp_path)
    return make_settings(tmp_path)
