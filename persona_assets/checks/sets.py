"""The checks of a table's rows as a set: JSON answers, characters, and the quality of a recipe's rows."""

from collections.abc import Callable, Mapping
from typing import Final

from persona_assets.characters.statistics import measure_balance
from persona_assets.checks.tables import Finding
from persona_assets.evaluation.quality import Quality, measure_recipe
from persona_assets.recipes.recipe import RecipeFile
from persona_assets.resources import Project
from persona_assets.settings import QualitySettings

_MOST_MALFORMED: Final = 0.1
_WEAKER: Final[Mapping[str, tuple[str, ...]]] = {
    "auto": ("json", "none"),
    "schema": ("json", "none"),
    "json": ("none",),
    "none": (),
}
"""Ways of asking that constrain less than what `model.structured_output` asks for."""


def check_structured_output(asset: str) -> Callable[[Project, str], Finding]:
    """No reply was constrained less than the settings ask for, and few answers are malformed."""

    def check(project: Project, shard: str) -> Finding:
        account = project.lake.info(asset, shard).accounting
        wanted = project.settings.model.structured_output
        weaker = {kind: account.formats[kind] for kind in _WEAKER[wanted] if account.formats[kind]}
        malformed, answers = account.tiers["malformed"], account.tiers.total()
        problems = []
        if weaker:
            counts = " and ".join(f"{count} by {kind}" for kind, count in weaker.items())
            problems.append(
                f"of {account.formats.total()} replies, {counts} were asked for, although model.structured_output is"
                f' "{wanted}": the model refused more (the log of the run that asked says why), or the setting was'
                f' another. Take a server that follows schemas, or set it to "{list(weaker)[-1]}" to accept this'
            )
        if malformed > answers * _MOST_MALFORMED:
            problems.append(
                f"{malformed} of {answers} answers are malformed: read them in the quarantine, then take a model that"
                f" follows a schema, or raise tasks.{asset}.max_tokens if they break off"
            )
        facts = {"replies": account.formats.total(), "weaker": sum(weaker.values())}
        return Finding("; ".join(problems) or None, {**facts, "answers": answers, "malformed": malformed})

    return check


_FEWEST: Final = 20
"""Characters, or rows, below which shares say nothing."""


def check_balance(project: Project, shard: str) -> Finding:
    """No given name, country or gender has more of the characters than `[quality]` allows."""
    balance = measure_balance(project.lake.scan("character_profiles", shard))
    settings = project.settings.quality
    facts: dict[str, str | int | float] = {"rows": balance.characters, "same_name": balance.same_name}
    problems = []
    for word, counts, bound in (
        ("name", balance.given_names, settings.max_name_share),
        ("place", balance.countries, settings.max_place_share),
        ("gender", balance.genders, settings.max_gender_share),
    ):
        share = balance.share(counts)
        facts[f"{word}_share"] = share
        # Of few characters two of one name are a large share, and no favourite.
        if share > bound and max(counts.values(), default=0) > 2:
            problems.append(f"{next(iter(counts))} is {share:.0%}, above quality.max_{word}_share {bound:.0%}")
    if balance.characters < _FEWEST or not problems:
        return Finding(None, facts)
    return Finding(
        f"{'; '.join(problems)}: look at the draws of prompts/character_profiles.yaml and at the model", facts
    )


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
