"""`persona-assets check`: every check of some shards' tables, as a table with an exit code."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from persona_assets.commands.pipeline import open_pipeline
from persona_assets.commands.run import RunFailedError
from persona_assets.settings import Settings


def run_checks(settings: Settings, console: Console, shards: Sequence[str]) -> None:
    """Run the checks of some shards, or of all that are in the lake, and show each.

    Raises:
        LakeError: if nothing of a shard is in the lake.
        RunFailedError: if a blocking check failed, after all of them have run.
    """
    failed: list[str] = []
    with open_pipeline(settings, console) as pipeline:
        meant = pipeline.project.lake.require_shards("web_text", shards)
        pipeline.register_shards(meant)
        for shard in meant:
            report = pipeline.run_checks(shard)
            table = Table("", "asset", "check", "message", title=f"Shard {shard}", box=None, pad_edge=False)
            for one in report.checks:
                sign = "[green]passed[/]" if one.passed else "[red]FAILED[/]" if one.blocking else "[yellow]warns[/]"
                table.add_row(sign, one.asset, one.name, "" if one.passed else one.message)
            console.print(table)
            bad = [check for check in report.failed_checks if check.blocking]
            failed += [f"{shard}: {check.asset}, {check.name}" for check in bad]
            # A check that could not run has no result; its step failed.
            failed += [f"{shard}: {one.step}: {one.message}" for one in report.failures if not bad]
            count = len(report.checks)
            console.print(f"{count - len(report.failed_checks)} of {count} checks passed.\n")
    if failed:
        raise RunFailedError(f"{len(failed)} checks failed: {'; '.join(failed[:5])}.")
