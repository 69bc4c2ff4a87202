"""`persona-assets run`: shards of the corpus, from text to the release."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console

from persona_assets.commands import say
from persona_assets.commands.execution import JobReport
from persona_assets.commands.pipeline import DATASET, INSTRUCTIONS, Pipeline, open_pipeline
from persona_assets.errors import PersonaAssetsError, SettingsError
from persona_assets.settings import Settings


class RunFailedError(PersonaAssetsError):
    """Something that was to be run failed; what is printed before says what."""


@dataclass(slots=True)
class RunSummary:
    """What a command ran. `reports`: what came of each job, by shard, mix or `source_instructions`."""

    reports: dict[str, JobReport] = field(default_factory=dict)

    @property
    def failed(self) -> list[str]:
        """What did not end well."""
        return [name for name, report in self.reports.items() if not report.is_success]


def run_pipeline(
    settings: Settings, console: Console, shards: Sequence[str], assets: Sequence[str], mixes: Sequence[str] | None
) -> RunSummary:
    """Run shards of the corpus and the releases, and show what comes of them.

    Args:
        shards: which; none for all that the corpus has.
        assets: which; none for all.
        mixes: which releases to write; an empty list for all, or for none if assets are named and sft_dataset is not;
            None for none.

    Raises:
        RunFailedError: if a job failed, after all others were tried.
    """
    with open_pipeline(settings, console) as pipeline:
        summary = RunSummary()
        _run_all(pipeline, console, summary, shards, pipeline.add_siblings(assets) if assets else [], mixes)
    if summary.failed:
        raise RunFailedError(
            f"{len(summary.failed)} of {len(summary.reports)} jobs failed: {', '.join(summary.failed[:10])}. What was "
            "answered is kept: correct the cause named above, then give the same command again."
        )
    return summary


def _run_all(
    pipeline: Pipeline,
    console: Console,
    summary: RunSummary,
    shards: Sequence[str],
    assets: Sequence[str],
    mixes: Sequence[str] | None,
) -> None:
    of_shards = [asset for asset in assets if asset not in {INSTRUCTIONS, DATASET}]
    chosen = pipeline.choose_shards(shards) if of_shards or not assets else []
    wants_release = mixes is not None and (mixes or DATASET in assets or not assets)
    chosen_mixes = _choose_mixes(pipeline, mixes or []) if wants_release else []
    for rival in pipeline.list_rivals():
        console.print(f"Run {rival} uses the model or the index: steps that need them wait for it.", soft_wrap=True)
    if INSTRUCTIONS in assets or (chosen and not pipeline.examine_instructions().is_current):
        console.print("[bold]Instruction sets[/]")
        if not _keep(console, summary, INSTRUCTIONS, pipeline.run_instructions()):
            return
    for shard in chosen:
        console.print(f"[bold]Shard {shard}[/]")
        report = pipeline.run_shard(shard, of_shards)
        if not _keep(console, summary, shard, report) and any(failure.ends_everything for failure in report.failures):
            return
    for mix in chosen_mixes:
        console.print(f"[bold]Release {mix}[/]")
        report = pipeline.run_release(mix)
        _keep(console, summary, f"release {mix}", report)
        left_out = report.materialised.get(DATASET, {}).get("shards_left_out")
        if left_out:
            say(console, f"Shards left out: {left_out}")


def _choose_mixes(pipeline: Pipeline, wanted: Sequence[str]) -> list[str]:
    found = pipeline.list_mixes()
    unknown = [mix for mix in wanted if mix not in found]
    if unknown:
        raise SettingsError(f"--mix {unknown[0]}: there is no such mix. There are {', '.join(found)}.")
    return [mix for mix in found if mix in wanted] if wanted else found


def _keep(console: Console, summary: RunSummary, name: str, report: JobReport) -> bool:
    summary.reports[name] = report
    for check in report.failed_checks:
        label = "[bold red]Check failed[/]" if check.blocking else "[yellow]Warning[/]"
        console.print(f"{label}: {check.asset}, {check.name}: ", end="", soft_wrap=True)
        say(console, check.message)
    for failure in report.failures:
        console.print(f"[bold red]Failed[/]: {failure.step}: ", end="", soft_wrap=True)
        say(console, failure.message)
    return report.is_success
