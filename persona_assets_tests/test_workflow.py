"""The workflow that users get, step by step in a shell: what a pull request that edits a prompt goes through."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PROMPT = "prompts/recipes/instructions.yaml"
_MADE_BEFORE = ("make install",)


def run_git(folder: Path, *arguments: str) -> None:
    names = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def pull_request(tmp_path: Path) -> Path:
    """A checkout as the workflow finds it: a branch with an edited prompt, and the base branch as a remote one."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout of git")
    project = tmp_path / "project"
    run_git(tmp_path, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(project))
    run_git(project, "update-ref", "refs/remotes/origin/base", "HEAD")
    run_git(project, "checkout", "--quiet", "-b", "edit")
    prompt = project / PROMPT
    prompt.write_text(prompt.read_text(encoding="utf-8").replace("You write only the message", "Write only it"))
    run_git(project, "commit", "--quiet", "--all", "--message", "Shorter")
    bin_folder = project / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    for name in ("persona-assets", "dagster"):
        (bin_folder / name).symlink_to(Path(sys.executable).parent / name)
    return project


def list_steps(job: str, event: str) -> Iterator[dict[str, Any]]:
    """The steps of a job that run commands, for an event and if all goes well."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    for step in workflow["jobs"][job]["steps"]:
        condition = step.get("if", "always()")
        if (
            "run" in step
            and step["run"] not in _MADE_BEFORE
            and condition in ("always()", f"github.event_name == '{event}'")
        ):
            yield step


@pytest.mark.long
def test_a_pull_request_that_edits_a_prompt_shows_what_it_does_to_the_rows(pull_request: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino_genai")
    summary = tmp_path / "summary.md"
    environment = {
        **os.environ,
        "GITHUB_STEP_SUMMARY": str(summary),
        "PYTHONPATH": str(pull_request),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
    }
    ran = 0
    for step in list_steps("shard", "pull_request"):
        script = re.sub(r"\$\{\{ *github\.base_ref *\}\}", "base", step["run"])
        assert "${{" not in script
        done = subprocess.run(
            [shutil.which("bash") or "bash", "-e", "-o", "pipefail", "-c", script],
            cwd=pull_request,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        ran += 1
    assert ran >= 5
    changes = summary.read_text(encoding="utf-8")
    assert "| instructions | sample |" in changes
    assert "| web_text |" not in changes
    assert (pull_request / "data" / "reports").is_dir()
