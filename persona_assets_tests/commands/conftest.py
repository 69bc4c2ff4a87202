"""A small project, run once by the command line itself, and what calls a command."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from persona_assets.cli import main
from persona_assets.lake import Lake
from persona_assets.settings import PACKAGE, load_settings
from persona_assets_tests.conftest import Share, copy_project, link_compiled_models
from persona_assets_tests.prompt_files import keep_recipes

RECIPES = ("math", "math_solutions")
DOCUMENTS = 4


@dataclass(frozen=True, slots=True)
class Called:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Call = Callable[..., Called]


@dataclass(frozen=True, slots=True)
class SmallProject:
    """A folder with a corpus of two shards, made with the scripted model."""

    folder: Path
    data: Path

    @property
    def lake(self) -> Lake:
        return Lake(self.data / "lake")


def _write_project(folder: Path, compiled_models: Path) -> None:
    link_compiled_models(compiled_models, folder / "data")
    shutil.copytree(load_settings().prompts, folder / "prompts")
    keep_recipes(folder / "prompts", RECIPES)
    lines = (PACKAGE / "sample" / "documents" / "sample.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "one.jsonl").write_text("".join(lines[:DOCUMENTS]), encoding="utf-8")
    personas = ['{"persona": "A glassblower who restores the windows of village churches."}\n'] * 2
    personas.append('{"persona": "A nurse on a night ward who writes detective stories."}\n')
    (corpus / "two.jsonl").write_text("".join(personas), encoding="utf-8")
    (corpus / "notes.xyz").write_text("no text", encoding="utf-8")
    (folder / "pipeline.toml").write_text(
        """
[corpus]
path = "corpus"
[model]
name = "scripted/plain"
[automation]
pictures = false
[expansion]
rounds = 2
relatives = 2
max_frontier = 100
[characters]
limit = 2
[dialogues]
per_character = 1.0
characters_per_session = 1
""",
        encoding="utf-8",
    )


def run_command(patch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run a command as the shell does; returns its exit code."""
    patch.setattr(sys, "argv", ["persona-assets", *arguments])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.fixture(scope="session")
def made_once(share: Share, compiled_models: Path) -> Path:
    """The project after its first whole run."""

    def make(folder: Path) -> None:
        _write_project(folder, compiled_models)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            _clear_settings(patch)
            assert run_command(patch, "run") == 0

    return share("made_project", make)


@pytest.fixture
def project(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    """A copy of it, which a test may change; the working folder."""
    folder = tmp_path / "project"
    copy_project(made_once, folder)
    monkeypatch.chdir(folder)
    return SmallProject(folder, folder / "data")


@pytest.fixture
def empty_project(compiled_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    """The project before its first run."""
    _write_project(tmp_path, compiled_models)
    monkeypatch.chdir(tmp_path)
    return SmallProject(tmp_path, tmp_path / "data")


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    _clear_settings(monkeypatch)
    # Commands tell subprocesses of the home by this variable; a test must not inherit another's.
    monkeypatch.setenv("DAGSTER_HOME", "")


def _clear_settings(patch: pytest.MonkeyPatch) -> None:
    for name in tuple(os.environ):
        if name.startswith(("PERSONA_ASSETS__", "PERSONA_ASSETS_CONFIG")):
            patch.delenv(name)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls a command as the shell does."""

    def run(*arguments: str) -> Called:
        capsys.readouterr()
        code = run_command(monkeypatch, *arguments)
        printed = capsys.readouterr()
        return Called(code, printed.out, printed.err)

    return run
