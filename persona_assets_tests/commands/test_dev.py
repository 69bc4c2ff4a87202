"""`persona-assets dev` for real: what it serves, and what is left when its process is told to end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
import yaml

from persona_assets.settings import PACKAGE
from persona_assets_tests.commands.conftest import SmallProject

ROOT = PACKAGE.parent
PATIENCE = 120
QUERY = "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } } }"


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc")
@pytest.mark.parametrize("ignored", [signal.SIG_DFL, signal.SIG_IGN], ids=["foreground", "background"])
def test_ui_has_one_location_name_and_leaves_no_process(empty_project: SmallProject, ignored: signal.Handlers) -> None:
    (empty_project.folder / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    port = _find_free_port()
    log = empty_project.folder / "ui.log"
    command = [sys.executable, "-c", "from persona_assets.cli import main; main()", "dev", "--port", str(port)]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdout=stream,
            stderr=stream,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            # A shell has its background jobs ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, ignored),  # noqa: PLW1509 - nothing else runs here
        )
    begun: set[int] = set()
    try:
        entries = _ask(port)
        begun = _list_descendants(process.pid)
        process.terminate()
        process.wait(PATIENCE)
    finally:
        left = _wait_for_end({process.pid, *begun})
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    assert entries == [{"name": "persona_assets", "loadStatus": "LOADED"}]
    assert len(begun) >= 3, "servers of the UI, the daemon and the code"
    assert not left
    printed = log.read_text(encoding="utf-8")
    assert "Dagster services shut down" in printed
    assert "will not be used" not in printed
    assert "Warning" not in printed


def test_every_file_gives_the_location_one_name() -> None:
    (local,) = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))["load_from"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    (served,) = yaml.safe_load(compose["configs"]["workspace"]["content"])["load_from"]
    names = {local["python_module"]["location_name"], served["grpc_server"]["location_name"]}
    assert names == {"persona_assets"}


def _find_free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _ask(port: int) -> object:
    """The code locations, as soon as the server answers and has loaded them."""
    request = Request(
        f"http://127.0.0.1:{port}/graphql", json.dumps({"query": QUERY}).encode(), {"Content-Type": "application/json"}
    )
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with urlopen(request, timeout=10) as reply:
                entries = json.load(reply)["data"]["workspaceOrError"]["locationEntries"]
            if all(entry["loadStatus"] == "LOADED" for entry in entries):
                return entries
        except (URLError, ConnectionError):
            pass
        assert time.monotonic() < end, "the UI does not answer"
        time.sleep(1)


def _list_descendants(parent: int) -> set[int]:
    found: set[int] = set()
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        for pid in map(int, task.read_text().split()):
            found |= {pid, *_list_descendants(pid)}
    return found


def _wait_for_end(pids: set[int]) -> list[int]:
    """The processes that still run after a while: Dagster's code servers end a few seconds after itself."""
    end = time.monotonic() + 20
    while (left := [pid for pid in pids if _is_running(pid)]) and time.monotonic() < end:
        time.sleep(0.5)
    return left


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
