"""`persona-assets train` and `persona-assets curve`: a model on a release, and how it does by how much it saw."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown

from persona_assets.assets.training import evaluate_training, name_history
from persona_assets.commands import say
from persona_assets.commands.pipeline import Pipeline, open_pipeline
from persona_assets.commands.run import RunFailedError
from persona_assets.errors import SettingsError
from persona_assets.evaluation.scores import Evaluation, Score, add_evaluation, tabulate_scores
from persona_assets.settings import Settings
from persona_assets.training.train import train_model


def run_training(settings: Settings, console: Console, mix: str) -> None:
    """Materialise sft_model and model_evaluation of a mix, and show the scores.

    RunFailedError if a step failed, or the model is worse than that of the last release.
    """
    with open_pipeline(settings, console) as pipeline:
        _require_mix(pipeline, mix)
        report = pipeline.run_training(mix)
        for failure in report.failures:
            say(console, f"Failed: {failure.step}: {failure.message}")
        trained, scored = (report.materialised.get(name) for name in ("sft_model", "model_evaluation"))
    if trained:
        console.print(
            f"{trained['path']}: {trained['rows']:,} rows, {trained['steps']} steps; loss on the responses of"
            f" {trained['loss_of']} {trained['loss_before']:.3f} before, {trained['loss_after']:.3f} after",
            markup=False,
            soft_wrap=True,
        )
    if scored:
        console.print(Markdown(str(scored["scores"])))
    for check in report.failed_checks:
        say(console, f"Check failed: {check.asset}, {check.name}: {check.message}")
    if report.failures or report.failed_checks:
        raise RunFailedError(f"Training on {mix} did not end well; what is named above says why.")


def run_curve(settings: Settings, console: Console, mix: str, shares: Sequence[float]) -> Path:
    """Train on shares of a release, evaluate each, and plot the scores by the number of rows.

    Args:
        shares: of its training rows, each above 0 and at most 1.

    Raises:
        SettingsError: if there is no such mix, or a share is out of range.
        ModelError: if what trains is not installed.
    """
    wrong = [share for share in shares if not 0 < share <= 1]
    if wrong:
        raise SettingsError(f"--share {wrong[0]:g}: shares are above 0 and at most 1.")
    with open_pipeline(settings, console) as pipeline:
        _require_mix(pipeline, mix)
        project = pipeline.project
        points: list[tuple[int, Evaluation]] = []
        for share in sorted(set(shares)):
            folder = settings.data / "models" / f"{mix}@{share:g}"
            training = train_model(
                settings.data / "sft_dataset" / mix, folder, settings.training.model_copy(update={"share": share})
            )
            # The model that it began with is the same each time.
            evaluation = evaluate_training(project, mix, folder, ("after",) if points else ("before", "after"))
            add_evaluation(name_history(project, mix).with_name(f"{mix}-curve.jsonl"), evaluation)
            points.append((training.rows, evaluation))
            console.print(f"[bold]{share:.0%} of the rows: {training.rows:,}[/]")
            console.print(Markdown(tabulate_scores(evaluation.scores)))
    path = settings.data / "evaluations" / f"{mix}-curve.png"
    draw_curve(points).savefig(path, dpi=120)
    say(console, f"Scores by rows: {path}")
    return path


def draw_curve(points: Sequence[tuple[int, Evaluation]]) -> Any:
    """Plot scores against the number of rows trained on, 0 for the model that training began with."""
    from matplotlib.figure import Figure

    lines: dict[tuple[str, str], list[tuple[int, Score]]] = {}
    for rows, evaluation in points:
        for score in evaluation.scores:
            if score.measure == "mathematics" or "PersonaScore" in score.of:
                lines.setdefault((score.measure, score.of), []).append((rows if score.side == "after" else 0, score))
    measures = sorted({measure for measure, _ in lines})
    figure = Figure(figsize=(5 * max(1, len(measures)), 3.5), layout="constrained")
    panels = figure.subplots(1, max(1, len(measures)), squeeze=False)[0]
    for axes, measure in zip(panels, measures, strict=False):
        for (kind, of), found in sorted(lines.items()):
            if kind == measure:
                line = sorted(found, key=lambda point: point[0])
                axes.errorbar(
                    [rows for rows, _ in line],
                    [score.value for _, score in line],
                    yerr=[score.spread for _, score in line],
                    marker="o",
                    capsize=3,
                    label=of,
                )
        axes.set(title=measure, xlabel="training rows", ylabel="accuracy" if measure == "mathematics" else "rating")
        axes.legend(frameon=False)
    return figure


def _require_mix(pipeline: Pipeline, mix: str) -> None:
    known = pipeline.list_mixes()
    if mix not in known:
        raise SettingsError(f"--mix {mix}: there is no such mix. There are {', '.join(known)}.")
