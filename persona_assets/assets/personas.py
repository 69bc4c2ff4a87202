"""seed_personas and expanded_personas: Text-to-Persona and Persona-to-Persona."""

from collections.abc import AsyncIterator
from pathlib import Path

import dagster as dg
import polars as pl

from persona_assets.assets.materialise import (
    TaskConfig,
    account_for_files,
    materialise_with_model,
    publish_batches,
    read_versions,
    to_result,
)
from persona_assets.assets.pools import PoolOf
from persona_assets.assets.specs import RULE, model_asset
from persona_assets.corpus.personas import read_persona_shard
from persona_assets.corpus.tombstones import load_tombstones
from persona_assets.llm.asker import Asker
from persona_assets.personas.draws import draw_rows
from persona_assets.personas.expand import RoundReport, expand_personas
from persona_assets.personas.hub import remember_new
from persona_assets.personas.persona_prompts import SeedPrompt, load_expansion_prompt, load_seed_prompt
from persona_assets.personas.published import take_personas
from persona_assets.personas.seed import make_seed_personas
from persona_assets.prompts import PromptFile
from persona_assets.records import ExpandedPersonas, SeedPersonas, polars_schema
from persona_assets.resources import Project
from persona_assets.tables import Batch, TableInfo


def build_persona_assets(prompts: Path, pool: PoolOf) -> list[dg.AssetsDefinition]:
    """Build the two assets from their prompt files."""
    seed_prompt = load_seed_prompt(prompts)
    expansion_prompt = load_expansion_prompt(prompts)

    @model_asset("seed_personas", "personas", seed_prompt, SeedPersonas, pool)
    def seed_personas(
        context: dg.AssetExecutionContext,
        config: TaskConfig,
        project: dg.ResourceParam[Project],
        web_text: pl.LazyFrame,
    ) -> dg.MaterializeResult[TableInfo]:
        shard = context.partition_key
        inputs = read_versions(project, shard, "web_text")
        if project.lake.info("web_text", shard).attributes["kind"] == "persona":
            return _take_personas(project, shard, inputs)
        settings = project.settings.seed_personas
        documents = web_text.select(pl.len()).collect().item()
        limit = config.merge(project.settings.task("seed_personas")).limit
        forgotten = load_tombstones(project.settings.data)

        def make(asker: Asker[SeedPrompt]) -> AsyncIterator[Batch]:
            return make_seed_personas(asker, web_text, settings, forgotten)

        return materialise_with_model(
            context,
            project,
            seed_prompt,
            config,
            polars_schema(SeedPersonas),
            make,
            documents if limit is None else min(documents, limit),
            inputs,
            ("seed_personas",),
        )

    @model_asset("expanded_personas", "personas", expansion_prompt, ExpandedPersonas, pool)
    def expanded_personas(
        context: dg.AssetExecutionContext,
        config: TaskConfig,
        project: dg.ResourceParam[Project],
        seed_personas: pl.LazyFrame,
    ) -> dg.MaterializeResult[TableInfo]:
        settings = project.settings
        reports: list[RoundReport] = []
        forgotten = load_tombstones(settings.data)

        def make(asker: Asker[PromptFile]) -> AsyncIterator[Batch]:
            seeds = draw_rows(seed_personas, asker.settings.limit, "persona_id", asker.task).collect()
            excluded = asker.settings.exclude_flags
            return expand_personas(
                asker,
                seeds,
                settings.expansion,
                settings.hub.exclude_flags if excluded is None else excluded,
                remember_new(project.encoder, settings.hub),
                reports,
                forgotten,
            )

        return materialise_with_model(
            context,
            project,
            expansion_prompt,
            config,
            polars_schema(ExpandedPersonas),
            make,
            None,
            read_versions(project, context.partition_key, "seed_personas"),
            ("expansion", "hub.exclude_flags", *RULE),
            lambda: {"rounds": dg.MetadataValue.md(describe_rounds(reports))},
        )

    return [seed_personas, expanded_personas]


def describe_rounds(reports: list[RoundReport]) -> str:
    """Write what each round made, and what of it was expanded or why not, as Markdown."""
    columns = ("round", "asked", "made", "new", "expanded", "duplicates", "flagged", "beyond", "last")
    titles = {"round": "round (0: the seeds)", "beyond": "beyond max_frontier", "last": "last round"}
    lines = ["|".join(["", *(f" {titles.get(name, name)} " for name in columns), ""]), "|---" * len(columns) + "|"]
    lines += ["|".join(["", *(f" {getattr(report, name)} " for name in columns), ""]) for report in reports]
    return "\n".join(lines)


def _take_personas(project: Project, shard: str, inputs: dict[str, str]) -> dg.MaterializeResult[TableInfo]:
    forgotten = load_tombstones(project.settings.data)
    batches = list(read_persona_shard(project.find_shard(shard), project.settings.corpus, forgotten=forgotten))
    taken = take_personas(pl.concat([batch.rows for batch in batches]))
    batch = account_for_files(taken.rows, pl.concat([batch.dropped for batch in batches]))
    info = publish_batches(
        project,
        "seed_personas",
        shard,
        polars_schema(SeedPersonas),
        [batch],
        inputs=inputs,
        model="none",
        code_version="persona file",
        settings=project.settings.pick("corpus.max_line_bytes", "corpus.license"),
    )
    return to_result(project, info, model="none", calls=0)
