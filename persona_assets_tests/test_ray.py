"""Beyond one machine: ten shards as jobs of a Ray cluster of two nodes, one of which is killed on the way.

PostgreSQL holds Dagster's records and the ledger, a double of S3 the lake; the index is the one of the data folder.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal
from rich.console import Console

from persona_assets.commands.pipeline import open_pipeline
from persona_assets.lake import Lake
from persona_assets.settings import load_settings
from persona_assets_tests.llm.postgres import run_postgres
from persona_assets_tests.object_storage import BUCKET, open_object_storage
from persona_assets_tests.services import find_port, run_services, wait_for
from persona_assets_tests.test_services import ASSETS, launch, list_runs, status, write_project

pytestmark = pytest.mark.long
SHARDS = 10
INHERITED = ("DAGSTER_HOME", "HF_HUB_OFFLINE", "PYTHONPATH")


@contextmanager
def run_ray_node(folder: Path, name: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    ray = Path(sys.executable).with_name("ray")
    command = [str(ray), "start", "--block", "--disable-usage-stats", "--num-cpus=2", *options]
    # A job's command is `dagster api execute_run ...`, found on the PATH of the node.
    environment = {**os.environ, "PATH": f"{ray.parent}{os.pathsep}{os.environ['PATH']}"}
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        yield process
    finally:
        kill_node(process)


def kill_node(process: subprocess.Popen[bytes]) -> None:
    """Kill a node with all that runs on it, as a machine that loses its power."""
    import psutil

    try:
        node = psutil.Process(process.pid)
        processes = [*node.children(recursive=True), node]
    except psutil.NoSuchProcess:
        return
    for one in processes:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait(20)


def count_jobs_per_node(address: str) -> dict[str, int]:
    from ray.job_submission import JobStatus, JobSubmissionClient

    counts: dict[str, int] = {}
    for job in JobSubmissionClient(address).list_jobs():
        if job.status == JobStatus.RUNNING and job.driver_node_id:
            counts[job.driver_node_id] = counts.get(job.driver_node_id, 0) + 1
    return counts


def run_alone(folder: Path, settings: Mapping[str, str], keys: list[str], monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Make the same shards one after the other in this process, on disk."""
    for name, value in {**settings, "PATHS__DATA": str(folder)}.items():
        monkeypatch.setenv(f"PERSONA_ASSETS__{name}", value)
    with open_pipeline(load_settings(), Console(quiet=True)) as pipeline:
        pipeline.register_shards(keys)
        for key in keys:
            report = pipeline.run_shard(key, ASSETS)
            assert report.is_success, report
        return pipeline.project.lake


def test_shards_on_two_nodes_one_of_which_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("ray", "dagster_ray", "dagster_postgres"):
        pytest.importorskip(module, reason=f"{module} is not installed: pip install 'persona-assets[postgres,ray]'")
    settings = {**write_project(tmp_path, SHARDS), "HUB__ORDER": "registration", "HUB__WAIT_MINUTES": "1"}
    keys = [f"shard-{number:04}" for number in range(SHARDS)]
    gcs, dashboard = find_port(), find_port()
    address = f"http://127.0.0.1:{dashboard}"
    alone = tmp_path / "alone"
    alone.mkdir()
    with (
        run_postgres() as url,
        open_object_storage(monkeypatch) as objects,
        # Ray's sockets lie there, whose paths may have 107 characters.
        tempfile.TemporaryDirectory(prefix="ray-") as short,
    ):
        names = [*(f"PERSONA_ASSETS__{name}" for name in (*settings, "PATHS__DATA", "PATHS__LAKE", "LEDGER__URL"))]
        launcher = {
            "module": "dagster_ray",
            "class": "RayRunLauncher",
            "config": {
                "ray": {"address": address, "num_cpus": 1, "env_vars": [*INHERITED, *names, *objects.environment]}
            },
        }
        storage = {"postgres": {"postgres_url": url.replace("postgresql+psycopg://", "postgresql+psycopg2://")}}
        instance = f"storage: {json.dumps(storage)}\nrun_launcher: {json.dumps(launcher)}"
        remote = {**settings, "LEDGER__URL": url, "PATHS__LAKE": f"s3://{BUCKET}/lake"}
        head = run_ray_node(
            tmp_path,
            "head",
            "--head",
            f"--port={gcs}",
            f"--dashboard-port={dashboard}",
            f"--temp-dir={short}",
        )
        with head:
            wait_for(lambda: _is_up(address), "Ray's dashboard")
            with (
                run_ray_node(tmp_path, "worker", f"--address=127.0.0.1:{gcs}") as worker,
                run_services(tmp_path, remote, instance) as services,
            ):
                backfill = launch(services, keys, ASSETS)
                wait_for(lambda: len(count_jobs_per_node(address)) == 2, "a run on each node", 300)
                kill_node(worker)
                wait_for(lambda: status(services, backfill).startswith("COMPLETED"), "the backfill", 1_200)
                for _ in range(SHARDS):
                    if len(Lake(remote["PATHS__LAKE"]).shards("persona_hub")) == SHARDS:
                        break
                    missing = [key for key in keys if not Lake(remote["PATHS__LAKE"]).exists("persona_hub", key)]
                    backfill = launch(services, missing, ASSETS)
                    wait_for(lambda: status(services, backfill).startswith("COMPLETED"), "what had failed", 1_200)  # noqa: B023
                assert any(run["status"] == "FAILURE" for run in list_runs(services)), "the killed runs are recorded"
        ours, theirs = Lake(remote["PATHS__LAKE"]), run_alone(alone, settings, keys, monkeypatch)
        dropped = 0
        for asset in ASSETS:
            assert ours.shards(asset) == theirs.shards(asset) == keys
            for key in keys:
                rows = theirs.scan(asset, key).collect()
                assert_frame_equal(ours.scan(asset, key).collect(), rows, check_exact=True)
                dropped += rows.height if asset == "hub_duplicates" else 0
        assert dropped, "the order of the shards mattered"


def _is_up(address: str) -> bool:
    try:
        count_jobs_per_node(address)
    except (ConnectionError, RuntimeError):
        return False
    return True
