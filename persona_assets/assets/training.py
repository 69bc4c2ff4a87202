"""sft_model, a model fine-tuned on a release, and model_evaluation, how it does beside the one it began with."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from persona_assets.assets.interrupts import run_interruptibly
from persona_assets.assets.pictures import Picture
from persona_assets.assets.pools import EMBEDDED_MODEL_POOL
from persona_assets.assets.specs import CODE_VERSION, OWNERS
from persona_assets.errors import LakeError
from persona_assets.evaluation.judge import load_rubric
from persona_assets.evaluation.models import Questionnaire, make_questionnaire, score_model
from persona_assets.evaluation.persona_gym import Question, rate_answers
from persona_assets.evaluation.scores import (
    Evaluation,
    Score,
    Side,
    add_evaluation,
    draw_scores,
    find_regressions,
    read_evaluations,
    tabulate_scores,
)
from persona_assets.llm.asker import Asker
from persona_assets.llm.usage import Usage
from persona_assets.partitions import sft_mixes
from persona_assets.resources import Project
from persona_assets.settings import TaskSettings
from persona_assets.training.causal_model import load_causal_model
from persona_assets.training.train import Training, draw_losses, read_training, train_model

TRAINING = "training"
JUDGE = "persona_gym"


def build_training_assets(mixes: Sequence[str]) -> list[dg.AssetsDefinition]:
    """Build both assets; they are in no pipeline, since training is asked for by hand."""
    define: Callable[..., Callable[[Callable[..., Any]], dg.AssetsDefinition]] = partial(
        dg.asset,
        group_name=TRAINING,
        code_version=CODE_VERSION,
        owners=OWNERS,
        tags={"persona_assets/stage": TRAINING},
        partitions_def=sft_mixes(mixes),
        pool=EMBEDDED_MODEL_POOL,
    )

    @define(
        deps=["sft_dataset"],
        description="A model fine-tuned on the release of one mix, by [training] of pipeline.toml.",
        kinds={"pytorch", "huggingface"},
    )
    def sft_model(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
        mix, data = context.partition_key, project.settings.data
        training = train_model(data / "sft_dataset" / mix, data / "models" / mix, project.settings.training)
        return dg.MaterializeResult(metadata=describe_training(training))

    @define(
        deps=[sft_model, "sft_dataset"],
        description="Mathematics and role play, greedily answered before and after training, by [evaluation] of"
        " pipeline.toml.",
        kinds={"python"},
    )
    def model_evaluation(
        context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
    ) -> dg.MaterializeResult[Any]:
        mix = context.partition_key
        evaluation = evaluate_training(project, mix, project.settings.data / "models" / mix)
        add_evaluation(name_history(project, mix), evaluation)
        return dg.MaterializeResult(metadata=describe_evaluation(evaluation))

    return [sft_model, model_evaluation]


def build_regression_check(mixes: Sequence[str]) -> dg.AssetChecksDefinition:
    """The check that a release makes no worse a model than the last one did."""

    @dg.asset_check(
        asset="model_evaluation",
        name="no_regression",
        description="No score after training is worse than that of the last release, by more than"
        " evaluation.max_drop and the spread of both.",
        partitions_def=sft_mixes(mixes),
    )
    def no_regression(
        context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
    ) -> dg.AssetCheckResult:
        history = [one for one in read_evaluations(name_history(project, context.partition_key)) if one.share == 1.0]
        if len(history) < 2:
            return dg.AssetCheckResult(passed=True, description="There is no earlier release to compare with.")
        found = find_regressions(history[-2], history[-1], project.settings.evaluation.max_drop)
        text = "; ".join(found) or f"No score fell against the release {history[-2].release[:8]}."
        return dg.AssetCheckResult(passed=not found, description=text, severity=dg.AssetCheckSeverity.ERROR)

    return no_regression


def name_history(project: Project, mix: str) -> Path:
    """Where the evaluations of a mix lie."""
    return project.settings.data / "evaluations" / f"{mix}.jsonl"


def evaluate_training(
    project: Project, mix: str, folder: Path, sides: Sequence[Side] = ("before", "after")
) -> Evaluation:
    """Ask a trained model, and the one that it began with, the same; LakeError without a model or questions."""
    training = read_training(folder)
    if training is None:
        raise LakeError(f"There is no model in {folder}. Materialise sft_model of this mix first.")
    settings = project.settings
    asked = make_questionnaire(settings.data / "sft_dataset" / mix, settings.prompts, settings.evaluation)
    if not asked.problems and not asked.questions:
        raise LakeError(
            f"The release {mix} has neither held-out problems nor characters to ask, and no benchmark is named in"
            " evaluation.mathematics or evaluation.personas."
        )
    scores: list[Score] = []

    async def ask() -> None:
        for side in sides:
            scores.extend(await _score(project, training, side, asked))

    run_interruptibly(ask())
    return Evaluation(mix, training.release, training.base, float(training.settings["share"]), scores)


async def _score(project: Project, training: Training, side: Side, asked: Questionnaire) -> list[Score]:
    settings = project.settings
    client = project.open_client(TaskSettings(model=settings.evaluation.judge), Usage())
    rubric = load_rubric(settings.prompts / "rubrics", JUDGE, JUDGE)
    judge = Asker(client, rubric, f"judge_{JUDGE}", "", TaskSettings())

    async def rate(questions: Sequence[Question], answers: Sequence[str]) -> list[float | None]:
        return await rate_answers(judge, questions, answers)

    try:
        model = load_causal_model(training.base if side == "before" else training.folder)
        return await score_model(model, side, asked, rate, settings.evaluation)
    finally:
        await client.close()


def describe_training(training: Training) -> dict[str, Any]:
    """The metadata of a trained model."""
    return {
        "base": training.base,
        "release": training.release,
        "rows": training.rows,
        "response_tokens": training.tokens,
        "steps": training.steps,
        "loss_before": training.loss_before,
        "loss_after": training.loss_after,
        "loss_of": training.measured,
        "losses": Picture("loss by step", lambda: draw_losses(training)).embed(),
        "path": dg.MetadataValue.path(training.folder),
    }


def describe_evaluation(evaluation: Evaluation) -> dict[str, Any]:
    """The metadata of an evaluation."""
    numbers = {
        f"{score.measure}, {score.of}, {score.side}".replace(" ", "_").replace(",", ""): score.value
        for score in evaluation.scores
        if "PersonaScore" in score.of or score.measure == "mathematics"
    }
    return {
        "scores": dg.MetadataValue.md(tabulate_scores(evaluation.scores)),
        "plot": Picture("before and after training", lambda: draw_scores(evaluation.scores)).embed(),
        **numbers,
    }
