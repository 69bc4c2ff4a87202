"""The files beside the package: what they say of it is true."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from persona_assets.cli import app
from persona_assets.row_checks import CHECKS
from persona_assets.settings import PACKAGE, Settings, TaskSettings, load_settings

ROOT = PACKAGE.parent


def _uncomment(text: str) -> dict[str, dict[str, object]]:
    lines = re.sub(r"^# (?=\[tasks\.|\w+ = )", "", text, flags=re.MULTILINE)
    return tomllib.loads(lines)


def test_pipeline_file_shows_every_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "pipeline.toml").read_text(encoding="utf-8")
    shown = _uncomment(text)
    tasks = shown.pop("tasks")
    assert set(shown.pop("checks")) <= set(CHECKS)
    sections = {name: one.annotation for name, one in Settings.model_fields.items() if name not in {"tasks", "checks"}}
    assert set(shown) == set(sections)
    for name, section in sections.items():
        assert isinstance(section, type)
        assert issubclass(section, BaseModel)
        assert set(shown[name]) == set(section.model_fields), name
    assert set(tasks) == {"math_problems"}
    assert set(tasks["math_problems"]) == set(TaskSettings.model_fields)
    assert all("# " in line[2:] for line in text.splitlines() if re.match(r"# \w+ = ", line)), "a key is unexplained"


def test_pipeline_file_loads_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    default = load_settings()
    shutil.copy(ROOT / "pipeline.toml", tmp_path)
    assert load_settings() == default


def test_pipeline_file_shows_the_true_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    shown = _uncomment((ROOT / "pipeline.toml").read_text(encoding="utf-8"))
    default = load_settings().model_dump(mode="json")
    # What has no default of its own is shown by an example.
    differ = {
        f"{section}.{key}"
        for section, keys in shown.items()
        if section not in {"tasks", "checks"}
        for key, value in keys.items()
        if default[section][key] != value
    }
    assert differ == {
        "paths.lake",
        "paths.prompts",
        "corpus.path",
        "corpus.languages",
        "instructions.path",
        "defaults.max_tokens",
        "defaults.temperature",
        "expansion.kinds",
        "expansion.max_frontier",
        "model.api_base",
        "model.api_key",
        "model.requests_per_minute",
        "model.tokens_per_minute",
        "index.url",
        "index.api_key",
        "ledger.url",
        "budget.per_run",
        "budget.total",
        "batch.max_wait_minutes",
        "decontamination.benchmarks",
        "characters.limit",
        "training.max_steps",
        "evaluation.judge",
        "evaluation.mathematics",
        "evaluation.personas",
    }


def test_yaml_files_are_well_formed() -> None:
    for name in (
        "dagster.yaml",
        "workspace.yaml",
        "docker-compose.yml",
        ".pre-commit-config.yaml",
        ".github/workflows/ci.yml",
    ):
        assert yaml.safe_load((ROOT / name).read_text(encoding="utf-8")), name


def test_instance_file_is_one_that_dagster_takes() -> None:
    from dagster._core.instance.config import dagster_instance_config

    dagster_instance_config(str(ROOT))


@pytest.fixture
def compose() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def test_compose_runs_the_same_instance_on_postgres(compose: Any, tmp_path: Path) -> None:
    from dagster._core.instance.config import dagster_instance_config

    content = compose["configs"]["dagster"]["content"]
    served = yaml.safe_load(content)
    assert served.pop("storage") == {"postgres": {"postgres_url": {"env": "DAGSTER_PG_URL"}}}
    assert served == yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    (tmp_path / "dagster.yaml").write_text(content, encoding="utf-8")
    dagster_instance_config(str(tmp_path))


def find_compose() -> list[str] | None:
    """The command of Docker Compose, from version 2 on."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            done = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
            if re.match(r"v?([2-9]|\d\d)\.", done.stdout):
                return command
    return None


def test_compose_itself_takes_the_file(tmp_path: Path) -> None:
    command = find_compose()
    if command is None:
        pytest.skip("Docker Compose is not installed")
    profiles = [f"--profile={name}" for name in ("proxy", "vllm")]
    done = subprocess.run(
        [*command, "--file", str(ROOT / "docker-compose.yml"), *profiles, "config", "--services"],
        env={**os.environ, "CORPUS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"code", "daemon", "webserver", "postgres", "qdrant", "proxy", "vllm"}


def test_compose_sets_what_the_settings_know(compose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project = compose["x-project"]
    environment = project["environment"]
    script = project["entrypoint"][2]
    for name, value in environment.items():
        # What is not set in the shell arrives empty.
        monkeypatch.setenv(name, re.sub(r"\$\{\w+:-(.*)\}", r"\1", value))
    for name, value in re.findall(r'export (\w+)="([^"]*)"', script):
        monkeypatch.setenv(name, "" if "cat" in value else value.replace("$$password", "secret"))
    settings = load_settings()
    assert (settings.paths.data, settings.corpus.path) == (Path("/data"), Path("/corpus"))
    assert (settings.index.url, settings.model) == ("http://qdrant:6333", Settings.model_construct().model)
    assert settings.ledger.url == "postgresql+psycopg://dagster:secret@postgres:5432/dagster"
    data, corpus = project["volumes"]
    assert data.endswith(":/data")
    assert corpus.endswith(":/corpus:ro")
    assert environment["DAGSTER_HOME"] == f"{settings.paths.data}/.dagster"


def test_compose_has_no_secret_and_no_moving_image(compose: Any) -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert not re.search(r"(?i)password: *[^{$\s/]|api_key: *[^{\s]", text)
    for name, service in compose["services"].items():
        for secret in service.get("secrets", []):
            assert compose["secrets"][secret]["file"].startswith("./secrets/")
        image = service.get("image", "")
        assert image == "persona-assets" or re.search(r":v?\d+\.\d+(\.\d+)?", image), name
    assert "secrets" in (ROOT / ".dockerignore").read_text().split()
    assert "secrets/" in (ROOT / ".gitignore").read_text().split()


def test_compose_opens_no_port_without_a_login_but_to_this_machine(compose: Any) -> None:
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert ports == {"webserver": ["127.0.0.1:3000:3000"], "proxy": ["8443:8443"]}
    assert "basic_auth" in compose["configs"]["caddy"]["content"]


def test_the_image_runs_as_an_ordinary_user() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER persona"]
    assert all(":latest" not in line for line in lines if line.startswith("FROM"))


def test_the_workflow_runs_commands_that_there_are() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    steps = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    commands = {name for run in steps for name in re.findall(r"persona-assets (\w+)", run)}
    assert {"demo", "check", "compare"} <= commands
    groups = [app, *(group.typer_instance for group in app.registered_groups if not group.name)]
    known = {one.name or one.callback.__name__ for group in groups for one in group.registered_commands if one.callback}
    assert commands <= known
    targets = {name for run in steps for name in re.findall(r"make ([\w-]+)", run)}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f"\n{target}:" in makefile for target in targets)


def test_pins_cover_every_direct_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [*project["dependencies"], *project["optional-dependencies"]["embedded"]]
    wanted = {re.split(r"[<>=\[!~; ]", name)[0].lower().replace("_", "-") for name in names}
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line and not line.startswith("#")
    }
    assert wanted <= pinned


@pytest.mark.long
def test_wheel_carries_all_that_a_user_needs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--quiet", "--wheel-dir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    prompts = {
        f"persona_assets/_prompts/{path.relative_to(ROOT / 'prompts')}" for path in ROOT.glob("prompts/**/*.yaml")
    }
    assert prompts <= names
    assert {
        "persona_assets/_dagster.yaml",
        "persona_assets/_workspace.yaml",
        "persona_assets/py.typed",
        "persona_assets/sample/documents/sample.jsonl",
        "persona_assets/sample/instructions/sample.jsonl",
    } <= names
    assert not [name for name in names if name.startswith("persona_assets_tests")]
