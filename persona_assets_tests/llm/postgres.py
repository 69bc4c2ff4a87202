"""A PostgreSQL server for the tests, where its binaries are installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def run_postgres() -> Iterator[str]:
    """Run a server on a socket of its own and give its URL; skips the test where there is none to run."""
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    if not (shutil.which("initdb") and shutil.which("pg_ctl")):
        pytest.skip("no PostgreSQL binaries on the path")
    user = _choose_user()
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        if user:
            shutil.chown(folder, user)
        data = str(Path(folder, "data"))
        options = f"-k {folder} -c listen_addresses='' -c timezone=Asia/Tokyo"
        _run(user, folder, "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8")
        _run(user, folder, "pg_ctl", "-D", data, "-o", options, "-l", f"{folder}/log", "-w", "start")
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        finally:
            _run(user, folder, "pg_ctl", "-D", data, "-m", "immediate", "stop")


def _choose_user() -> str | None:
    # PostgreSQL refuses to run as root, so whoever is root runs it as its own user.
    if os.geteuid():
        return None
    if not shutil.which("runuser") or subprocess.run(["id", "postgres"], check=False, capture_output=True).returncode:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    return "postgres"


def _run(user: str | None, folder: str, *words: str) -> None:
    wrap = ["runuser", "-u", user, "--"] if user else []
    subprocess.run([*wrap, *words], check=True, capture_output=True, cwd=folder)
