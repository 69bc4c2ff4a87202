"""The code location: one `Definitions`, wired explicitly."""

import warnings
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import dagster as dg

warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

from persona_assets.assets.characters import OWN_INSTRUCTIONS, build_character_assets  # noqa: E402
from persona_assets.assets.corpus import source_instructions, web_text  # noqa: E402
from persona_assets.assets.hub import persona_hub  # noqa: E402
from persona_assets.assets.personas import build_persona_assets  # noqa: E402
from persona_assets.assets.pools import name_pool  # noqa: E402
from persona_assets.assets.recipes import build_recipe_assets  # noqa: E402
from persona_assets.assets.report import shard_report  # noqa: E402
from persona_assets.assets.sft import build_sft_assets  # noqa: E402
from persona_assets.assets.specs import MODEL_KIND  # noqa: E402
from persona_assets.assets.training import build_regression_check, build_training_assets  # noqa: E402
from persona_assets.automation import build_jobs, build_schedules, build_shard_sensor  # noqa: E402
from persona_assets.checks.build import build_checks  # noqa: E402
from persona_assets.errors import SettingsError  # noqa: E402
from persona_assets.io import LakeIOManager  # noqa: E402
from persona_assets.recipes.load import load_recipes  # noqa: E402
from persona_assets.resources import Project  # noqa: E402
from persona_assets.settings import ENV_PREFIX, Settings, load_settings  # noqa: E402
from persona_assets.sft.mixes import load_mixes  # noqa: E402


def build_definitions(
    settings: Settings | None = None, resource_overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Build the code location, with one process a run.

    Args:
        settings: by default read from file and environment.
        resource_overrides: resources in place of `project` or `lake`, for tests and the command line.

    Raises:
        SettingsError: if a table `[tasks.NAME]` is of no asset that asks a model.
        PromptError: naming the file of the prompts that is not well formed.
    """
    settings = settings or load_settings()
    prompts = settings.prompts
    recipes, mixes = load_recipes(prompts / "recipes"), load_mixes(prompts / "mixes")
    pool = partial(name_pool, settings)
    assets = [
        web_text,
        source_instructions,
        *build_persona_assets(prompts, pool),
        persona_hub,
        *build_character_assets(
            prompts,
            pool,
            own=OWN_INSTRUCTIONS in {recipe.content.asset for recipe in recipes},
            attributes=settings.characters.attributes,
        ),
        *build_recipe_assets(recipes, prompts, pool),
        *build_sft_assets(recipes, mixes, prompts),
        shard_report,
        *build_training_assets(sorted(mixes)),
    ]
    _reject_unknown_tasks(settings, assets)
    project = Project(settings)
    return dg.Definitions(
        assets=_add_freshness(assets, settings),
        asset_checks=[*build_checks(recipes), build_regression_check(sorted(mixes))],
        jobs=build_jobs(),
        schedules=build_schedules(settings.automation),
        sensors=[build_shard_sensor()],
        resources={"project": project, "lake": LakeIOManager(project.lake), **(resource_overrides or {})},
        executor=dg.in_process_executor,
    )


def _add_freshness(assets: Sequence[dg.AssetsDefinition], settings: Settings) -> Sequence[dg.AssetsDefinition]:
    """Say when the hub and the releases count as old: the UI shows it, and alerts hang on it."""
    days = {"persona_hub": settings.automation.hub_days, "sft_dataset": settings.automation.release_days}

    def add(spec: dg.AssetSpec) -> dg.AssetSpec:
        if (limit := days.get(spec.key.path[-1])) is None:
            return spec
        policy = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=limit))
        return dg.apply_freshness_policy(spec, policy)  # type: ignore[no-any-return]

    return [asset.map_asset_specs(add) for asset in assets]


def _reject_unknown_tasks(settings: Settings, assets: Sequence[dg.AssetsDefinition]) -> None:
    # Recipes are assets, too, so what names there are is known here and not where the settings are read.
    known = sorted(spec.key.path[-1] for asset in assets for spec in asset.specs if MODEL_KIND in spec.kinds)
    unknown = [name for name in settings.tasks if name not in known]
    if unknown:
        raise SettingsError(
            f"tasks.{unknown[0]} (or {ENV_PREFIX}TASKS__{unknown[0].upper()}): no asset of this name asks a model. "
            f"There are {', '.join(known)}. Correct the name, or add the recipe that makes it to {settings.prompts}."
        )


defs = build_definitions()
