import subprocess
import sys

import pytest

from persona_assets.commands.demo import PROFILE, gather_result
from persona_assets.settings import load_settings
from persona_assets_tests.asking import PROMPTS
from persona_assets_tests.commands.conftest import Call, SmallProject

COMMANDS = ("demo", "run", "shards", "status", "trace", "dedup", "dev", "ledger", "ledger export", "ledger prune")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(call: Call, command: str) -> None:
    called = call(*command.split(), "--help")
    assert called.code == 0
    assert f"persona-assets {command}" in " ".join(called.out.replace("Example", "").split())
    assert "Example" in called.out


def test_help_loads_no_library_of_the_pipeline() -> None:
    code = (
        "import sys; sys.argv = ['persona-assets', '--help']; from persona_assets.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'dagster', 'polars', 'torch', 'litellm', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")


def test_demo_profile_is_valid_and_shown(empty_project: SmallProject) -> None:
    settings = load_settings(**PROFILE)
    assert settings.corpus.path.name == "documents"
    assert settings.model.name == "scripted/plain"


@pytest.mark.long
def test_demo_reaches_its_end(empty_project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    # The demo asks for every recipe that is shipped.
    monkeypatch.setenv("PERSONA_ASSETS__PATHS__PROMPTS", str(PROMPTS))
    called = call("demo")
    assert called.code == 0, called.out + called.err
    result = gather_result(load_settings(**PROFILE))
    assert result.accounts["persona_hub"].rows >= 20
    assert all(result.accounts[asset].rows for asset in ("math_problems", "dialogues_r", "dialogues_g"))
    assert result.sft_rows
    assert str(empty_project.data / "sft_dataset" / "default") in called.out.replace("\n", "")
    assert "expansion.rounds" in called.out
    assert len(result.personas) == 6
    assert all(persona[:60] in called.out for persona in result.personas)
    again = call("demo")
    assert again.code == 0
    calls = [line for line in again.out.splitlines() if " calls" in line]
    assert calls
    assert all("rows, 0+" in line for line in calls)
