"""The check of a recipe's rows as a set: enough of them valid, different, and of their own persona."""

from collections.abc import Callable
from typing import Final

from persona_assets.checks.tables import Finding
from persona_assets.evaluation.quality import Quality, measure_recipe
from persona_assets.recipes.recipe import RecipeFile
from persona_assets.resources import Project
from persona_assets.settings import QualitySettings

_FEWEST: Final = 20
"""Rows below which shares say nothing."""


def check_quality(recipe: RecipeFile) -> Callable[[Project, str], Finding]:
    """No measure is beyond its threshold in `[quality]`; of fewer than twenty rows none is judged."""

    def check(project: Project, shard: str) -> Finding:
        quality = measure_recipe(project.lake, project.encoder, project.settings, recipe, shard)
        facts: dict[str, str | int | float] = {
            name: getattr(quality, name)
            for name in ("rows", "valid", "near_duplicates", "distinct_2", "persona_match", "vendi")
        }
        if quality.rows < _FEWEST:
            return Finding(None, facts)
        problems = _find_problems(quality, project.settings.quality)
        advice = f"read the rows and the quarantine of {recipe.asset}, then change its prompt, the model or [quality]"
        return Finding(f"{'; '.join(problems)}: {advice}" if problems else None, facts)

    return check


def _find_problems(quality: Quality, settings: QualitySettings) -> list[str]:
    least = {name: getattr(settings, f"min_{name}") for name in ("valid", "distinct_2", "persona_match")}
    problems = [
        f"{name} is {getattr(quality, name):.2f}, below quality.min_{name} {bound:g}"
        for name, bound in least.items()
        if getattr(quality, name) < bound
    ]
    if quality.near_duplicates > settings.max_near_duplicates:
        problems.append(
            f"near_duplicates is {quality.near_duplicates:.2f}, above quality.max_near_duplicates"
            f" {settings.max_near_duplicates:g}"
        )
    return problems
