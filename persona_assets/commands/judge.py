"""`persona-assets judge`: one or two models rate a sample of an artifact's rows by a rubric file."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console
from rich.table import Table

from persona_assets.commands import say
from persona_assets.errors import LakeError
from persona_assets.evaluation.judge import Rubric, compare_judges, draw_sample, load_rubric, rate_rows
from persona_assets.evaluation.ratings import write_ratings
from persona_assets.llm.asker import Asker
from persona_assets.llm.usage import Usage
from persona_assets.prompts import Prompt
from persona_assets.resources import Project
from persona_assets.settings import Settings, TaskSettings

_WORST = 3
Ratings = Mapping[str, Mapping[str, int]]


def run_judge(
    settings: Settings,
    console: Console,
    asset: str,
    shards: Sequence[str],
    models: Sequence[str],
    rubric: str | None,
    number: int,
    seed: int,
) -> None:
    """Rate a sample and print means, agreement and the rows that were rated lowest.

    Args:
        shards: of these shards; none: of all that are materialised.
        models: one judge or several; none: the project's model.
        rubric: name of the rubric file; none: the artifact's own, or the one for its kind.

    Raises:
        LakeError: if there are no rows.
    """
    prompt = load_rubric(settings.prompts / "rubrics", asset, rubric)
    project = Project(settings)
    try:
        rows = [
            row for shard in shards or project.lake.shards(asset) for row in _draw(project, asset, shard, number, seed)
        ]
        if not rows:
            raise LakeError(f"There are no rows of {asset} to rate. Materialise it first, or name another asset.")
        judges = list(dict.fromkeys(models)) or [settings.model.name]
        ratings = {model: asyncio.run(_rate(project, prompt, asset, model, rows)) for model in judges}
    finally:
        project.close()
    path = _write(settings.data / "ratings" / f"{asset}.jsonl", prompt, rows, ratings)
    _print(console, prompt, rows, ratings)
    say(console, f"\nEvery rating: {path}")


def _draw(project: Project, asset: str, shard: str, number: int, seed: int) -> list[dict[str, Any]]:
    table = project.lake.scan(asset, shard)
    # Dialogues name their persona by id alone.
    if "persona" not in table.collect_schema() and "persona_id" in table.collect_schema():
        hub = project.lake.scan("persona_hub", shard).select("persona_id", "persona")
        table = table.join(hub, on="persona_id", how="left", maintain_order="left")
    return draw_sample(table.collect(), number, seed)


async def _rate(
    project: Project, prompt: Prompt[Rubric], asset: str, model: str, rows: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, int]]:
    task = TaskSettings(model=model)
    client = project.open_client(task, Usage())
    try:
        return await rate_rows(Asker(client, prompt, f"judge_{asset}", "", task), asset, rows)
    finally:
        await client.close()


def _write(
    path: Path, prompt: Prompt[Rubric], rows: Sequence[Mapping[str, Any]], ratings: Mapping[str, Ratings]
) -> Path:
    lines: list[dict[str, object]] = [
        {"row_id": row_id, "judge": model, "rubric": prompt.name, "rubric_version": prompt.version, **rated[row_id]}
        for row_id in (str(next(iter(row.values()))) for row in rows)
        for model, rated in ratings.items()
        if row_id in rated
    ]
    write_ratings(path, lines)
    return path


def _print(
    console: Console, prompt: Prompt[Rubric], rows: Sequence[Mapping[str, Any]], ratings: Mapping[str, Ratings]
) -> None:
    criteria = list(prompt.content.criteria)
    table = Table("judge", "rated", *criteria, box=None, pad_edge=False)
    for model, rated in ratings.items():
        means = [f"{mean(one[name] for one in rated.values()):.2f}" if rated else "" for name in criteria]
        table.add_row(model, f"{len(rated)} of {len(rows)}", *means)
    console.print(table)
    models = list(ratings)
    for place, model in enumerate(models):
        for other in models[place + 1 :]:
            say(console, f"\n{model} and {other}:")
            for one in compare_judges(ratings[model], ratings[other], criteria):
                kappa = "no kappa, since one always says the same" if one.kappa is None else f"kappa {one.kappa:.2f}"
                say(
                    console,
                    f"  {one.criterion}: the same {one.same:.0%}, within one {one.within_one:.0%}, {kappa}"
                    f" ({one.rows} rows)",
                )
    totals = {
        row_id: sum(sum(rated[row_id].values()) for rated in ratings.values() if row_id in rated)
        for row_id in {row_id for rated in ratings.values() for row_id in rated}
    }
    worst = sorted(totals, key=lambda row_id: (totals[row_id], row_id))[:_WORST]
    if worst:
        say(console, f"\nRated lowest: {', '.join(worst)}")
