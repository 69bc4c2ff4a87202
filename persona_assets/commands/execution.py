"""Running Dagster's jobs in this process, and saying in plain words what went wrong."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from persona_assets import errors as package_errors
from persona_assets.errors import PersonaAssetsError

if TYPE_CHECKING:
    import dagster as dg
    from dagster_shared.error import SerializableErrorInfo

# Dagster's own lines stay in its event log, where the UI shows them.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_ERRORS = {kind.__name__ for kind in vars(package_errors).values() if isinstance(kind, type)}
_INTERRUPTIONS = {"DagsterExecutionInterruptedError", "KeyboardInterrupt", "CancelledError"}
_HOPELESS = {"ModelError", "BudgetError", "SettingsError", "PromptError", "IndexUnavailableError"}
"""Errors that the next shard would end with, too."""


class RunInterruptedError(PersonaAssetsError):
    """The user stopped a run."""

    def __init__(self) -> None:
        super().__init__(
            "Stopped. Every response so far is in the ledger and every finished table in the lake: "
            "the same command goes on where this one ended."
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that failed: the making of an asset, or its checks."""

    step: str
    message: str
    ends_everything: bool
    """Whether the next shard would fail for the same reason."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How an asset check ended, and whether its failure stops the run."""

    asset: str
    name: str
    message: str
    blocking: bool
    passed: bool


@dataclass(frozen=True, slots=True)
class JobReport:
    """How a job ended. `materialised`: metadata of what was materialised, by asset."""

    run_id: str
    materialised: Mapping[str, Mapping[str, Any]]
    failures: Sequence[Failure]
    checks: Sequence[CheckResult]

    @property
    def is_success(self) -> bool:
        """Whether no step failed; a failed check that does not block is no failure."""
        return not self.failures

    @property
    def failed_checks(self) -> list[CheckResult]:
        """The checks that did not pass."""
        return [check for check in self.checks if not check.passed]


def execute_job(
    job: "dg.JobDefinition",
    instance: "dg.DagsterInstance",
    tags: Mapping[str, str],
    partition_key: str | None = None,
    assets: Sequence[str] | None = None,
) -> JobReport:
    """Run a job, or some of its assets, in this process; RunInterruptedError if the user stopped it."""
    import dagster as dg

    try:
        result = job.execute_in_process(
            run_config=_QUIET,
            instance=instance,
            partition_key=partition_key,
            asset_selection=[dg.AssetKey(asset) for asset in assets] if assets else None,
            tags=tags,
            raise_on_error=False,
        )
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        raise RunInterruptedError from None
    errors = [_find_cause(event.step_failure_data.error) for event in result.all_events if event.is_step_failure]
    if any(error is not None and error.cls_name in _INTERRUPTIONS for error in errors):
        raise RunInterruptedError
    checks = [
        CheckResult(
            found.asset_key.path[-1],
            found.check_name,
            found.description or "no reason given",
            bool(found.blocking) and found.severity == dg.AssetCheckSeverity.ERROR,
            found.passed,
        )
        for found in result.get_asset_check_evaluations()
    ]
    return JobReport(result.run_id, dict(_list_materialised(result)), list(_list_failures(result)), checks)


def _list_materialised(result: "dg.ExecuteInProcessResult") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for event in result.get_asset_materialization_events():
        made = event.materialization
        yield made.asset_key.path[-1], {name: getattr(value, "value", value) for name, value in made.metadata.items()}


def _list_failures(result: "dg.ExecuteInProcessResult") -> Iterator[Failure]:
    from dagster._core.errors import DagsterAssetCheckFailedError

    for event in result.all_events:
        if not event.is_step_failure:
            continue
        failed = event.step_failure_data
        step = (event.step_key or "the run").removeprefix("check_")
        if failed.user_failure_data and failed.user_failure_data.description:
            yield Failure(step, failed.user_failure_data.description, ends_everything=False)
            continue
        error = _find_cause(failed.error)
        if error is None or error.cls_name == DagsterAssetCheckFailedError.__name__:
            # The checks themselves say what is wrong.
            yield Failure(step, "A check that must hold did not pass.", ends_everything=False)
            continue
        yield Failure(step, _describe(error, result.run_id), error.cls_name in _HOPELESS)


def _find_cause(error: "SerializableErrorInfo | None") -> "SerializableErrorInfo | None":
    """The error that the package or a library raised, below the ones that Dagster wraps around it."""
    while error is not None and error.cls_name not in _ERRORS and error.cause is not None:
        error = error.cause
    return error


def _describe(error: "SerializableErrorInfo", run_id: str) -> str:
    message = " ".join(error.message.split())
    if error.cls_name in _ERRORS:
        return message.partition(": ")[2] or message
    return f"An error that should not happen: {message}. Run {run_id} in the UI has the whole trace (make dev)."
