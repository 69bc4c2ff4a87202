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
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    programs = _find_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed")
    user = _choose_user()
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        if user:
            shutil.chown(folder, user)
        data = str(Path(folder, "data"))
        options = f"-k {folder} -c listen_addresses='' -c timezone=Asia/Tokyo"
        _run(user, folder, f"{programs}/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8")
        _run(user, folder, f"{programs}/pg_ctl", "-D", data, "-o", options, "-l", f"{folder}/log", "-w", "start")
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        finally:
            _run(user, folder, f"{programs}/pg_ctl", "-D", data, "-m", "immediate", "stop")


def _find_programs() -> Path | None:
    # Debian keeps a server's programs off the path.
    folders = [Path(found).parent for found in [shutil.which("initdb")] if found]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


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
