"""The recipe factory: one asset for each file of `prompts/recipes/`, with no Python written."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import polars as pl
from pydantic import Field

from persona_assets.assets.materialise import TaskConfig, find_excluded, materialise_with_model, read_versions
from persona_assets.assets.pools import PoolOf
from persona_assets.assets.specs import model_asset
from persona_assets.assets.table_previews import describe_quality
from persona_assets.evaluation.quality import measure_recipe
from persona_assets.personas.persona_prompts import SeedPrompt, load_seed_prompt
from persona_assets.prompts import Prompt
from persona_assets.recipes.conversations import make_conversations
from persona_assets.recipes.demonstrations import decides_by_embedding
from persona_assets.recipes.make import Workshop, make_items
from persona_assets.recipes.recipe import HUB, Recipe
from persona_assets.records import polars_schema, without_flags
from persona_assets.resources import Project
from persona_assets.settings import TaskSettings
from persona_assets.tables import TableInfo


class RecipeConfig(TaskConfig):
    """What one run may change about a recipe, beside what it may about any asset."""

    method: str | None = Field(None, description="zero_shot, few_shot (no personas shown), or persona_few_shot.")
    draws: dict[str, str] = Field(
        default_factory=dict, description="One value for what the recipe draws, any text: focus, difficulty, kind, ..."
    )

    def merge(self, settings: TaskSettings) -> TaskSettings:
        """The task settings of the project with what this run changes; what else they fix stays fixed."""
        draws = {**settings.draws, **self.draws}
        return TaskSettings(**{**super().merge(settings).model_dump(), "draws": draws})


def build_recipe_assets(recipes: Sequence[Recipe], prompts: Path, pool: PoolOf) -> list[dg.AssetsDefinition]:
    """Build the assets of recipe files."""
    seed_prompt = load_seed_prompt(prompts)
    return [_build_recipe(recipe, seed_prompt, pool) for recipe in recipes]


def _build_recipe(recipe: Recipe, seed_prompt: Prompt[SeedPrompt], pool: PoolOf) -> dg.AssetsDefinition:
    content = recipe.content
    schema = content.schema_class()
    reads = [content.reads, *([HUB] if _wants_partners(recipe) and content.reads != HUB else [])]

    @model_asset(content.asset, "recipes", recipe, schema, pool, reads)
    def items(
        context: dg.AssetExecutionContext, config: RecipeConfig, project: dg.ResourceParam[Project]
    ) -> dg.MaterializeResult[TableInfo]:
        shard = context.partition_key
        task = config.merge(project.settings.task(content.asset))
        excluded = find_excluded(project, content.asset, config)
        source = without_flags(project.lake.scan(content.reads, shard), excluded)
        rows = source.select(pl.len()).collect().item()
        make = make_conversations if content.conversation else make_items
        workshop = Workshop(
            seed_prompt,
            project.open_meter().compare,
            project.settings.sandbox,
            without_flags(project.lake.scan(HUB, shard), excluded).select("persona_id", "persona").collect()
            if _wants_partners(recipe)
            else None,
        )
        return materialise_with_model(
            context,
            project,
            recipe,
            config,
            polars_schema(schema),
            lambda asker: make(asker, source, workshop),
            (rows if task.limit is None else min(task.limit, rows)) * content.per_row,
            read_versions(project, shard, *reads),
            list_deciders(recipe, task),
            lambda: describe_quality(measure_recipe(project.lake, project.encoder, project.settings, content, shard)),
        )

    return items


def list_deciders(recipe: Recipe, task: TaskSettings) -> tuple[str, ...]:
    """The settings beside model and task that decide a recipe's rows."""
    content = recipe.content
    embedding = ("embedding.model",) if decides_by_embedding(content, task) else ()
    return (*embedding, *(("sandbox.enabled",) if content.agreement and content.agreement.program else ()))


def _wants_partners(recipe: Recipe) -> bool:
    conversation = recipe.content.conversation
    return conversation is not None and conversation.partner == "persona"
