"""A run that is killed again and again: no response is lost or bought twice, and the rows are the same."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from persona_assets.settings import Settings
from persona_assets_tests.conftest import link_compiled_models
from persona_assets_tests.graph.runs import SHARD, write_documents
from persona_assets_tests.llm.server import ModelServer, Response, say
from persona_assets_tests.prompt_files import keep_recipes
from persona_assets_tests.scripted import reply

AT_ONCE = 8
LONGEST = 120.0


@pytest.fixture(autouse=True)
def _compiled_once(compiled_models: Path, tmp_path: Path) -> None:
    for data in ("calm", "data"):
        link_compiled_models(compiled_models, tmp_path / data)


def answer_slowly(body: dict[str, Any]) -> Response:
    scripted = reply("plain", body["messages"], body)
    return say(scripted.text, scripted.finish_reason, delay=0.02)


def start_run(
    project: Path, data: Path, server: ModelServer, *arguments: str, before: str = ""
) -> "subprocess.Popen[bytes]":
    """Start `persona-assets run` in a process of its own; `before` is Python that is run first."""
    settings = {
        "PATHS__DATA": data,
        "PATHS__PROMPTS": project / "prompts",
        "CORPUS__PATH": project / "corpus",
        "INSTRUCTIONS__PATH": project / "instructions",
        "MODEL__NAME": "hosted_vllm/double",
        "MODEL__API_BASE": server.url,
        "MODEL__API_KEY": "key",
        "MODEL__MAX_CONCURRENCY": AT_ONCE,
        "EXPANSION__ROUNDS": 2,
        # By default the hub decides shards in whatever order they reach it, and that is another hub.
        "HUB__ORDER": "registration",
        "DIALOGUES__PER_CHARACTER": 1,
        "AUTOMATION__PICTURES": False,
    }
    variables = {f"PERSONA_ASSETS__{name}": str(value) for name, value in settings.items()}
    command = ["persona-assets", "run", *arguments]
    program = f"{before}\nimport sys; from persona_assets.cli import main; sys.argv = {command}; main()"
    # A session of its own, so that a kill takes whatever it started.
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, **variables, "DAGSTER_DISABLE_TELEMETRY": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def finish_run(project: Path, data: Path, server: ModelServer, *arguments: str) -> None:
    with start_run(project, data, server, *arguments) as process:
        output, _ = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, output.decode()


def kill_run(project: Path, data: Path, server: ModelServer, after: int, *arguments: str) -> None:
    """Start a run and kill it when the server has answered so many requests more."""
    bought = len(server.bill) + after
    with start_run(project, data, server, *arguments) as process:
        deadline = time.monotonic() + LONGEST
        while len(server.bill) < bought and process.poll() is None:
            assert time.monotonic() < deadline, "the run asks for nothing any more"
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=LONGEST)
    assert process.returncode == -signal.SIGKILL


def count_stored(data: Path) -> int:
    """Responses of a ledger; none where a run was killed before it had one, or before it had its table."""
    path = data / "ledger.sqlite"
    if not path.exists():
        return 0
    with sqlite3.connect(path) as ledger:
        if not ledger.execute("SELECT 1 FROM sqlite_master WHERE name = 'responses'").fetchone():
            return 0
        return int(ledger.execute("SELECT count(*) FROM responses").fetchone()[0])


def read_output(data: Path) -> dict[str, bytes]:
    """The files that anybody reads; what a killed run had not finished is removed after a day."""
    found = [path for folder in ("lake", "sft_dataset") for path in (data / folder).rglob("*") if path.is_file()]
    files = [path for path in found if path.suffix != ".tmp"]
    return {str(path.relative_to(data)): path.read_bytes() for path in files}


def identify(body: dict[str, Any]) -> str:
    return json.dumps(body, sort_keys=True)


def check_kills(project: Path, kills: int, seed: int, *arguments: str) -> None:
    chance = random.Random(seed)
    with ModelServer() as server:
        server.answer = answer_slowly
        finish_run(project, project / "calm", server, *arguments)
        needed = len(server.bill)
        assert needed == len(set(map(identify, server.bill))) == count_stored(project / "calm")
        expected = read_output(project / "calm")

        server.bill.clear()
        lost = 0
        for _ in range(kills):
            before = count_stored(project / "data")
            answered = len(server.bill)
            left = needed - before
            kill_run(project, project / "data", server, chance.randint(1, max(1, left // 2)), *arguments)
            # What the server still answered to the dead process is on the bill, too.
            time.sleep(0.2)
            gone = len(server.bill) - answered - (count_stored(project / "data") - before)
            # Those in flight, and as many that waited for the disk.
            assert 0 <= gone <= 2 * AT_ONCE
            lost += gone
        finish_run(project, project / "data", server, *arguments)

    # What was lost in flight is bought again, and nothing else.
    assert len(server.bill) - len(set(map(identify, server.bill))) == lost
    assert count_stored(project / "data") == needed
    assert read_output(project / "data") == expected


def test_a_kill_loses_nothing_and_buys_nothing_twice(empty: Settings, tmp_path: Path) -> None:
    keep_recipes(tmp_path / "prompts", ("instructions",))
    assert (tmp_path / "corpus" / f"{SHARD}.jsonl").exists()
    assets = ("web_text", "seed_personas", "expanded_personas", "persona_hub", "hub_duplicates", "instructions")
    check_kills(tmp_path, 1, 1, *(word for asset in assets for word in ("--asset", asset)))


DIE_AT_PUBLISHING = """
import os
from persona_assets.tables import TableWriter
publish = TableWriter.publish
def die(self, **attributes):
    if self._asset == {asset!r}:
        os._exit(9)
    return publish(self, **attributes)
TableWriter.publish = die
"""


@pytest.mark.long
@pytest.mark.parametrize("asset", ["seed_personas", "dialogues_g"])
def test_a_crash_between_ledger_and_lake_buys_nothing_twice(asset: str, empty: Settings, tmp_path: Path) -> None:
    with ModelServer() as server:
        server.answer = answer_slowly
        finish_run(tmp_path, tmp_path / "calm", server)
        expected, needed = read_output(tmp_path / "calm"), len(server.bill)
        server.bill.clear()
        before = DIE_AT_PUBLISHING.format(asset=asset)
        with start_run(tmp_path, tmp_path / "data", server, before=before) as process:
            process.communicate(timeout=LONGEST)
        assert process.returncode == 9
        # Everything that was answered is in the ledger, and none of it in the lake.
        assert count_stored(tmp_path / "data") == len(server.bill) > 0
        assert not (tmp_path / "data" / "lake" / asset / f"{SHARD}.parquet").exists()
        finish_run(tmp_path, tmp_path / "data", server)
    assert len(server.bill) == needed
    assert read_output(tmp_path / "data") == expected


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_two_runs_on_one_ledger_buy_nothing_twice(seed: int, empty: Settings, tmp_path: Path) -> None:
    shards = (SHARD, "zweite")
    write_documents(tmp_path / "corpus" / f"{shards[1]}.jsonl", range(8), ending=" That was in another year.")
    chance = random.Random(seed)
    with ModelServer() as server:
        server.answer = answer_slowly
        finish_run(tmp_path, tmp_path / "calm", server)
        needed = set(map(identify, server.bill))
        expected = read_output(tmp_path / "calm")
        server.bill.clear()
        lost = 0
        for _ in range(5):
            before = count_stored(tmp_path / "data")
            answered = len(server.bill)
            runs = [start_run(tmp_path, tmp_path / "data", server, "--shard", shard) for shard in shards]
            time.sleep(chance.uniform(3, 9))
            for process in runs:
                # One may have come to its end.
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate(timeout=LONGEST)
            time.sleep(0.2)
            lost += len(server.bill) - answered - (count_stored(tmp_path / "data") - before)
        finish_run(tmp_path, tmp_path / "data", server)
    assert 0 <= lost <= 5 * 2 * 2 * AT_ONCE
    assert len(server.bill) - len(set(map(identify, server.bill))) == lost
    assert set(map(identify, server.bill)) == needed
    assert read_output(tmp_path / "data") == expected


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_twenty_kills_lose_nothing_and_buy_nothing_twice(seed: int, empty: Settings, tmp_path: Path) -> None:
    check_kills(tmp_path, kills=20, seed=seed)
