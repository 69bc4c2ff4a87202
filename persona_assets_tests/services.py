"""The services of production as processes of this machine: code server over gRPC, web server and daemon."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Services:
    """What runs.

    Attributes:
        url: of the web server.
        environment: of every process.
        logs: folder of what they print.
    """

    url: str
    environment: Mapping[str, str]
    logs: Path

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask the web server's GraphQL interface."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()[:2_000]) from None
        assert "errors" not in answer, answer["errors"]
        return dict(answer["data"])


@contextmanager
def run_services(folder: Path, settings: Mapping[str, str], instance: str = "", runs: int = 4) -> Iterator[Services]:
    """Start all three on a data folder, and end them.

    Args:
        folder: of the project's data and of logs.
        settings: PERSONA_ASSETS__* without the prefix.
        instance: YAML put before the project's dagster.yaml, for example storage in PostgreSQL.
        runs: at a time, at most.
    """
    home = folder / "data" / ".dagster"
    home.mkdir(parents=True, exist_ok=True)
    text = (ROOT / "dagster.yaml").read_text(encoding="utf-8")
    limited = text.replace("max_concurrent_runs: 4", f"max_concurrent_runs: {runs}")
    (home / "dagster.yaml").write_text(f"{instance}\n{limited}", encoding="utf-8")
    code, web = find_port(), find_port()
    workspace = folder / "workspace.yaml"
    location = {"host": "127.0.0.1", "port": code, "location_name": "persona_assets"}
    workspace.write_text(json.dumps({"load_from": [{"grpc_server": location}]}), encoding="utf-8")
    environment = {
        **os.environ,
        **{f"PERSONA_ASSETS__{name}": value for name, value in settings.items()},
        "PERSONA_ASSETS__PATHS__DATA": str(folder / "data"),
        "DAGSTER_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(ROOT),
    }
    dagster, module = [sys.executable, "-m", "dagster"], "persona_assets_tests.scripted_location"
    programs = {
        "code": [*dagster, "code-server", "start", "-h", "127.0.0.1", "-p", str(code), "-m", module],
        "web": [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(web), "-w", str(workspace)],
        "daemon": [sys.executable, "-m", "dagster._daemon", "run", "-w", str(workspace)],
    }
    services = Services(f"http://127.0.0.1:{web}", environment, folder)
    with ExitStack() as stack:
        for name, command in programs.items():
            stack.enter_context(_run(name, command, folder, environment))
            if name == "code":
                wait_for(lambda: _is_open(code), "the code server")
        wait_for(lambda: _answers(services), "the web server")
        yield services


def find_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(is_so: Any, what: str, seconds: float = _START_SECONDS) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if is_so():
            return
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")


@contextmanager
def _run(name: str, command: list[str], folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield
        finally:
            # A session of its own, so that the runs that it started end with it.
            for sign in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, sign)
                    process.wait(20)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue
                break


def _is_open(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _answers(services: Services) -> bool:
    try:
        loaded = services.ask("{ workspaceOrError { ... on Workspace { locationEntries { loadStatus } } } }")
    except (OSError, AssertionError, ValueError):
        return False
    entries = loaded["workspaceOrError"].get("locationEntries", [])
    return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)
