"""What the documentation says is what the code says."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import typer
from typer.core import TyperGroup

from persona_assets.cli import app
from persona_assets.row_checks import CHECKS
from persona_assets.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_records_page_is_made_from_the_schemas() -> None:
    spec = importlib.util.spec_from_file_location("make_records", ROOT / "docs" / "make_records.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "records.md").read_text(encoding="utf-8") == module.describe_records()


def test_the_page_of_checks_has_each_with_its_level_and_meaning() -> None:
    page = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    for name, check in CHECKS.items():
        (line,) = (line for line in page.splitlines() if line.startswith(f"| `{name}` | {check.level} |"))
        assert check.description in line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_that_are_named_exist(page: Path) -> None:
    names = re.findall(r"PERSONA_ASSETS__([A-Z_]+?)__([A-Z_]+)\b", page.read_text(encoding="utf-8"))
    known = {
        (section, key)
        for section, field in Settings.model_fields.items()
        for key in getattr(field.annotation, "model_fields", {})
    }
    named = {(section.lower(), key.lower()) for section, key in names} - {("section", "key")}
    assert named <= known


def list_commands(page: Path) -> list[str]:
    """The commands of a page's code blocks and of the examples in the text, comments and redirections cut off."""
    text = page.read_text(encoding="utf-8")
    blocks = [
        block
        for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
        if language in {"", "sh"}
    ]
    lines = [line for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`(persona-assets [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    found = [re.search(r"(?:^|\s)persona-assets (.+)", line) for line in (*lines, *inline)]
    return [re.split(r"\s+#|\s*>>|\s*\|", one[1])[0].strip() for one in found if one]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_shown_exist_with_their_options(page: Path) -> None:
    group = typer.main.get_command(app)
    for line in list_commands(page):
        command, arguments = group, shlex.split(line)
        context = group.make_context("persona-assets", [], resilient_parsing=True)
        while isinstance(command, TyperGroup) and arguments:
            name, found, arguments = command.resolve_command(context, arguments)
            assert found is not None, line
            context = found.make_context(name, list(arguments), parent=context, resilient_parsing=True)
            if not isinstance(found, TyperGroup):
                options = {option for parameter in found.params for option in parameter.opts}
                named = {word for word in arguments if word.startswith("--")}
                assert named <= options, line
            command = found


def load_shown_module(page: Path, name: str) -> dict[str, Any]:
    """Run the block of Python that a page shows as a file of this name."""
    blocks = re.findall(r"^```python\n(# (\S+)\n.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (source,) = [block for block, file in blocks if file == name]
    module: dict[str, Any] = {"__name__": name}
    exec(compile(source, name, "exec"), module)
    return module


def test_the_alerts_that_are_shown_are_sensors_of_the_project() -> None:
    defs = load_shown_module(ROOT / "docs" / "alerts.md", "alerts.py")["defs"]
    dg.Definitions.validate_loadable(defs)
    names = {sensor.name for sensor in defs.sensors}
    assert {"note_failed_shard", "email_on_run_failure", "register_corpus_shards"} <= names


def test_the_metrics_that_are_shown_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    defs = load_shown_module(ROOT / "docs" / "alerts.md", "metrics.py")["defs"]
    sensor = defs.resolve_sensor_def("metrics_of_persona_hub")
    with dg.DagsterInstance.ephemeral() as instance:
        made = dg.AssetMaterialization("persona_hub", partition="one", metadata={"violation_rate": 0.5, "note": "text"})
        instance.report_runless_asset_event(made)
        with dg.build_sensor_context(instance) as context:
            (skipped,) = sensor(context)
    assert "1 numbers" in skipped.skip_message
    assert json.loads(Path("metrics.jsonl").read_text()) == {
        "asset": "persona_hub",
        "shard": "one",
        "violation_rate": 0.5,
    }


@pytest.mark.long
def test_the_interface_has_pages_of_its_docstrings(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("pdoc")
    subprocess.run([program, "--docformat", "google", "-o", tmp_path, "persona_assets"], check=True, timeout=300)
    modules = [path for path in (ROOT / "persona_assets").rglob("*.py") if not path.name.startswith("__")]
    pages = [tmp_path / path.relative_to(ROOT).with_suffix(".html") for path in modules]
    assert [page for page in pages if not page.is_file()] == []
    hub = (tmp_path / "persona_assets" / "dedup" / "hub.html").read_text(encoding="utf-8")
    assert "decide_shard" in hub
