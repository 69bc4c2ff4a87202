"""The recipe factory: one asset for each file of `prompts/recipes/`, with no Python written."""

from collections.abc import Sequence

import dagster as dg
import polars as pl

from persona_assets.assets.materialise import TaskConfig, list_choosers, materialise_with_model, read_versions
from persona_assets.assets.specs import MODEL_KIND, table_asset
from persona_assets.lake import TableInfo
from persona_assets.recipes.make import make_items
from persona_assets.recipes.recipe import Recipe
from persona_assets.records import polars_schema
from persona_assets.resources import Project


def build_recipe_assets(recipes: Sequence[Recipe], pool: str | None) -> list[dg.AssetsDefinition]:
    """Build the assets of recipe files."""
    return [_build_recipe(recipe, pool) for recipe in recipes]


def _build_recipe(recipe: Recipe, pool: str | None) -> dg.AssetsDefinition:
    content = recipe.content
    schema = content.schema_class()

    @table_asset(
        "recipes",
        content.description,
        schema,
        recipe.version,
        kinds=(MODEL_KIND,),
        name=content.asset,
        ins={"source": dg.AssetIn(key=content.reads)},
        pool=pool,
    )
    def items(
        context: dg.AssetExecutionContext,
        config: TaskConfig,
        project: dg.ResourceParam[Project],
        source: pl.LazyFrame,
    ) -> dg.MaterializeResult[TableInfo]:
        rows = source.select(pl.len()).collect().item()
        task = config.merge(project.settings.task(content.asset))
        return materialise_with_model(
            context,
            project,
            recipe,
            config,
            polars_schema(schema),
            lambda asker: make_items(asker, source, project.open_meter().compare),
            (rows if task.limit is None else min(task.limit, rows)) * content.per_row,
            read_versions(project, context.partition_key, content.reads),
            list_choosers(recipe, task) if content.prefer == "near_persona" else (),
        )

    return items
