"""The Dagster instance of a data folder, which the command line and the UI share.

Its home is `<data>/.dagster`, so that two data folders know nothing of each other.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from filelock import FileLock, Timeout

from persona_assets.errors import SettingsError
from persona_assets.settings import PACKAGE, Settings

if TYPE_CHECKING:
    import dagster as dg

INSTANCE_FILE = "dagster.yaml"
PROCESS_TAG = "persona_assets/process"


def prepare_home(settings: Settings) -> Path:
    """Make the Dagster home of the data folder, and let Dagster and its subprocesses know it.

    `./dagster.yaml` is copied into it whenever it differs; without one, the packaged file fills an empty home.

    Raises:
        SettingsError: if the data folder cannot be written.
    """
    home = settings.data / ".dagster"
    own, target = Path(INSTANCE_FILE), home / INSTANCE_FILE
    try:
        home.mkdir(parents=True, exist_ok=True)
        source = find_project_file(INSTANCE_FILE)
        if not target.exists() or (own.is_file() and target.read_bytes() != source.read_bytes()):
            # Whole or not at all: another command may be reading it.
            staged = target.with_name(f".{uuid4().hex}")
            shutil.copyfile(source, staged)
            staged.replace(target)
    except OSError as error:
        raise SettingsError(
            f"paths.data: the folder {settings.data} cannot be written ({error.strerror}). Correct its permissions, "
            "or set PERSONA_ASSETS__PATHS__DATA to another folder."
        ) from None
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    return home


def find_project_file(name: str) -> Path:
    """Find one of Dagster's files: that of the working folder, else the packaged one."""
    own, packaged = Path(name), PACKAGE / f"_{name}"
    if own.is_file():
        return own.resolve()
    return packaged if packaged.is_file() else PACKAGE.parent / name


@contextmanager
def open_instance(settings: Settings) -> Iterator["dg.DagsterInstance"]:
    """Open the instance for runs in this process.

    The output of steps stays on the terminal, where the progress bars are, and is not captured to files.
    """
    home = prepare_home(settings)
    import dagster as dg
    from dagster._core.instance.ref import InstanceRef

    no_capture = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
    reference = InstanceRef.from_dir(str(home), overrides={"compute_logs": no_capture})
    # Dagster makes its databases without a lock: two commands that begin at once would both write the version of a
    # database, and with two versions no command can open it any more.
    with FileLock(home / "instance.lock"):
        instance = dg.DagsterInstance.from_ref(reference)
    with instance:
        yield instance


@contextmanager
def claim_process(instance: "dg.DagsterInstance", home: Path) -> Iterator[dict[str, str]]:
    """Mark this process as alive, after clearing up behind those that died.

    A lock tells the two apart: the system releases it however a process ends.

    Yields:
        The tags that every run of this process must carry.
    """
    folder = home / "processes"
    folder.mkdir(exist_ok=True)
    release_dead_runs(instance, folder)
    name = uuid4().hex
    path = folder / f"{name}.lock"
    with FileLock(path):
        try:
            yield {PROCESS_TAG: name}
        finally:
            path.unlink(missing_ok=True)


def release_dead_runs(instance: "dg.DagsterInstance", folder: Path) -> list[str]:
    """End the runs of processes that died, and free the places that they hold in pools.

    A killed run leaks its place, and the next run would wait for it without end.

    Args:
        folder: where living processes hold a lock.
    """
    import dagster as dg

    ended = []
    active = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]
    for run in instance.get_runs(dg.RunsFilter(statuses=active)):
        process = run.tags.get(PROCESS_TAG)
        if process and not _is_alive(folder / f"{process}.lock"):
            instance.report_run_failed(run, "The process of this run was killed.")
            ended.append(run.run_id)
    storage = instance.event_log_storage
    for run_id in storage.get_concurrency_run_ids():
        holder = instance.get_run_by_id(run_id)
        if holder is None or holder.is_finished:
            storage.free_concurrency_slots_for_run(run_id)
    return ended


def _is_alive(lock: Path) -> bool:
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            lock.unlink(missing_ok=True)
            return False
    except Timeout:
        return True
