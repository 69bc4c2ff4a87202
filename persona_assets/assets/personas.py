"""seed_personas and expanded_personas: Text-to-Persona and Persona-to-Persona."""

from collections.abc import AsyncIterator
from pathlib import Path

import dagster as dg
import polars as pl

from persona_assets.assets.materialise import (
    TaskConfig,
    account_for_files,
    list_choosers,
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
from persona_assets.personas.expand import RoundReport, expand_personas
from persona_assets.personas.hub import remember_new
from persona_assets.personas.persona_prompts import (
    ExpansionPrompt,
    SeedPrompt,
    load_expansion_prompt,
    load_seed_prompt,
)
from persona_assets.personas.seed import make_seed_personas, take_personas
from persona_assets.personas.seed_tasks import count_seed_tasks
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
        task = config.merge(project.settings.task("seed_personas"))
        forgotten = load_tombstones(project.settings.data)

        def make(asker: Asker[SeedPrompt]) -> AsyncIterator[Batch]:
            return make_seed_personas(asker, web_text, settings, project.open_meter().compare, forgotten)

        return materialise_with_model(
            context,
            project,
            seed_prompt,
            config,
            polars_schema(SeedPersonas),
            make,
            count_seed_tasks(documents, settings, task.limit),
            inputs,
            ("seed_personas", *list_choosers(seed_prompt, task)),
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

        def make(asker: Asker[ExpansionPrompt]) -> AsyncIterator[Batch]:
            seeds = seed_personas.collect()
            seeds = seeds if asker.settings.limit is None else seeds.head(asker.settings.limit)
            return expand_personas(
                asker,
                seeds,
                settings.expansion,
                settings.seed_personas,
                remember_new(project.encoder, settings.hub),
                project.open_meter().compare,
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
            ("expansion", "seed_personas.min_words", "seed_personas.max_words", *RULE),
            lambda: {"rounds": dg.MetadataValue.md(describe_rounds(reports))},
        )

    return [seed_personas, expanded_personas]


def describe_rounds(reports: list[RoundReport]) -> str:
    """What each round did, as Markdown."""
    lines = ["| round | asked | made | new |", "|---|---|---|---|"]
    lines += [f"| {report.round} | {report.asked} | {report.made} | {report.new} |" for report in reports]
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
