"""The Dagster instance of a data folder that several commands open."""

import sqlite3
import subprocess
import sys
from pathlib import Path

from persona_assets.commands.instance import open_instance
from persona_assets.settings import PathSettings, Settings

OPEN = """
import sys, time
from pathlib import Path
import dagster
from persona_assets.commands.instance import open_instance
from persona_assets.settings import PathSettings, Settings

settings = Settings(paths=PathSettings(data=Path(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
with open_instance(settings):
    pass
"""


def test_commands_that_begin_at_once_make_one_instance(tmp_path: Path) -> None:
    data = tmp_path / "data"
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for command in commands:
        assert command.stdout
        assert command.stdout.readline() == "ready\n"
    for command in commands:
        assert command.stdin
        command.stdin.write("go\n")
        command.stdin.flush()
    assert [command.wait(timeout=120) for command in commands] == [0, 0, 0]
    for path in (data / ".dagster").rglob("*.db"):
        with sqlite3.connect(path) as database:
            assert database.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,), path
    with open_instance(Settings(paths=PathSettings(data=data))) as instance:
        assert instance.get_runs() == []
