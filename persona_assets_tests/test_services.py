"""Production as processes: PostgreSQL, the code server, the web server and the daemon; and hundreds of shards."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from persona_assets.lake import Lake
from persona_assets_tests.asking import PROMPTS
from persona_assets_tests.llm.postgres import run_postgres
from persona_assets_tests.prompt_files import keep_recipes
from persona_assets_tests.services import Services, run_services, wait_for

pytestmark = pytest.mark.long
ROOT = Path(__file__).parent.parent
SHARDS = int(os.environ.get("PERSONA_ASSETS_SHARDS", "500"))

BACKFILL = """
mutation ($keys: [String!]!, $assets: [AssetKeyInput!]!) {
  launchPartitionBackfill(backfillParams: {partitionNames: $keys, assetSelection: $assets}) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  }
}"""
ADD = """
mutation ($key: String!, $repository: RepositorySelector!) {
  addDynamicPartition(partitionsDefName: "corpus_shard", partitionKey: $key, repositorySelector: $repository) {
    __typename ... on PythonError { message }
  }
}"""
STATUS = "query ($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"
STEPS = "{ runsOrError(limit: 50) { ... on Runs { results { stepStats { startTime endTime } } } } }"
RUNS = "{ runsOrError(limit: 2000) { ... on Runs { results { status startTime endTime tags { key value } } } } }"
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "persona_assets"}
RUNS_AT_A_TIME = 2
ASSETS = ("web_text", "seed_personas", "expanded_personas", "persona_hub", "hub_duplicates")


def write_project(folder: Path, shards: int) -> dict[str, str]:
    import shutil

    shutil.copytree(PROMPTS, folder / "prompts")
    keep_recipes(folder / "prompts", ("math", "math_solutions"))
    (folder / "corpus").mkdir()
    trades = ("ferry pilot", "glassblower", "night nurse", "beekeeper", "tram driver", "cellist", "surveyor", "weaver")
    for number in range(shards):
        rows = [
            {"persona": f"A {trades[(number + place) % 8]} of district {number} who keeps {place + 2} maps."}
            for place in range(2)
        ]
        (folder / "corpus" / f"shard-{number:04}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return {
        "CORPUS__PATH": str(folder / "corpus"),
        "PATHS__PROMPTS": str(folder / "prompts"),
        "MODEL__NAME": "scripted/plain",
        "EXPANSION__ROUNDS": "1",
        "CHARACTERS__LIMIT": "1",
        "DIALOGUES__PER_CHARACTER": "1",
        "DIALOGUES__CHARACTERS_PER_SESSION": "1",
    }


def launch(services: Services, keys: list[str], assets: tuple[str, ...]) -> str:
    for key in keys:
        services.ask(ADD, key=key, repository=REPOSITORY)
    selection = [{"path": [name]} for name in assets]
    answer = services.ask(BACKFILL, keys=keys, assets=selection)["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer
    return str(answer["backfillId"])


def status(services: Services, backfill: str) -> str:
    return str(services.ask(STATUS, id=backfill)["partitionBackfillOrError"]["status"])


def list_runs(services: Services) -> list[dict[str, Any]]:
    return list(services.ask(RUNS)["runsOrError"]["results"])


def measure_steps(services: Services) -> float:
    """Seconds that the steps of a run take together, on average over the last runs."""
    runs = services.ask(STEPS)["runsOrError"]["results"]
    spent = [sum(step["endTime"] - step["startTime"] for step in run["stepStats"]) for run in runs]
    return sum(spent) / max(1, len(spent))


def test_a_backfill_on_postgres_over_grpc(tmp_path: Path) -> None:
    settings = write_project(tmp_path, 2)
    with run_postgres() as url:
        plain = url.replace("postgresql+psycopg://", "postgresql+psycopg2://")
        storage = f"storage: {{postgres: {{postgres_url: {json.dumps(plain)}}}}}"
        pytest.importorskip("dagster_postgres", reason="dagster-postgres is not installed")
        with run_services(tmp_path, {**settings, "LEDGER__URL": url}, storage) as services:
            backfill = launch(services, ["shard-0000", "shard-0001"], ASSETS)
            wait_for(lambda: status(services, backfill).startswith("COMPLETED"), "the backfill", 240)
            assert status(services, backfill) == "COMPLETED_SUCCESS"
    lake = Lake(tmp_path / "data" / "lake")
    assert lake.shards("persona_hub") == ["shard-0000", "shard-0001"]


def test_hundreds_of_shards_in_one_backfill(tmp_path: Path) -> None:
    """Two runs at a time; what it took beyond the assets' own work goes to docs/backfill.md."""
    settings = write_project(tmp_path, SHARDS)
    keys = [f"shard-{number:04}" for number in range(SHARDS)]
    slowest = 0.0
    with run_services(tmp_path, settings, runs=RUNS_AT_A_TIME) as services:
        began = time.monotonic()
        backfill = launch(services, keys, ASSETS)
        while not status(services, backfill).startswith("COMPLETED"):
            asked = time.monotonic()
            list_runs(services)
            slowest = max(slowest, time.monotonic() - asked)
            time.sleep(5)
            assert time.monotonic() - began < 30 * SHARDS
        seconds = time.monotonic() - began
        runs = list_runs(services)
        work = measure_steps(services)
        assert status(services, backfill) == "COMPLETED_SUCCESS"
    counts = Counter(run["status"] for run in runs)
    own = sum(run["endTime"] - run["startTime"] for run in runs if run["endTime"])
    lake = Lake(tmp_path / "data" / "lake")
    assert lake.shards("persona_hub") == keys
    assert counts["SUCCESS"] == SHARDS
    report = ROOT / "docs" / "backfill.md" if SHARDS >= 100 else tmp_path / "backfill.md"
    report.write_text(
        f"""# A backfill of {SHARDS} shards

Written by `make test-long` (`persona_assets_tests/test_services.py`): one backfill from the UI's interface, through the
daemon, with the scripted model, an embedded index and two runs at a time, on {os.cpu_count()} cores. Each run is a
process of its own.

| | |
|---|---|
| shards | {SHARDS}, all successful |
| whole backfill | {seconds:,.0f} s, {seconds / SHARDS:.1f} s a shard |
| a run, from its start to its end | {own / max(1, len(runs)):.1f} s on average |
| of it in the five assets and their checks | {work:.1f} s on average |
| beyond the assets' own work, in one of the two places | {RUNS_AT_A_TIME * seconds / SHARDS - work:.1f} s a shard |
| slowest answer of the web server to a list of all runs, meanwhile | {slowest:.1f} s |
""",
        encoding="utf-8",
    )
    assert slowest < 10


def test_the_command_hands_a_backfill_to_the_daemon(tmp_path: Path) -> None:
    settings = write_project(tmp_path, 2)
    lake = Lake(tmp_path / "data" / "lake")
    with run_services(tmp_path, settings) as services:
        instructions = [sys.executable, "-m", "persona_assets", "run", "--asset", "source_instructions"]
        queue = [sys.executable, "-m", "persona_assets", "backfill", "--queue", "--limit", "1"]
        for command in (instructions, queue):
            done = subprocess.run(
                command, env=dict(services.environment), cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
        backfill = re.search(r"Backfill (\w+) of 1 shards is in the queue", done.stdout)
        assert backfill, done.stdout
        wait_for(lambda: status(services, backfill[1]).startswith("COMPLETED"), "the backfill", 300)
        assert status(services, backfill[1]) == "COMPLETED_SUCCESS"
    assert lake.shards("sft_mix") == ["shard-0000"]
