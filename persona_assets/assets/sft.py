"""sft_mix, a shard's candidates, and sft_dataset, the release that joins the shards."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from persona_assets.assets.characters import OWN_INSTRUCTIONS
from persona_assets.assets.materialise import publish_batches, read_versions, to_result
from persona_assets.assets.preview import preview_rows
from persona_assets.assets.specs import CODE_VERSION, OWNERS, table_asset
from persona_assets.evaluation.ratings import read_ratings
from persona_assets.prompts import Prompt, PromptFile, load_prompt
from persona_assets.recipes.recipe import Recipe
from persona_assets.records import SftMix, polars_schema
from persona_assets.resources import Project
from persona_assets.sft.benchmarks import Benchmarks, describe_benchmarks
from persona_assets.sft.choice import FLAGGED, LEFT_OUT, SPLITS, total_taken
from persona_assets.sft.examples import Origin, make_recipe_examples, make_role_play_examples, take_out_benchmarks
from persona_assets.sft.families import find_families
from persona_assets.sft.mixes import Mix, join_versions
from persona_assets.sft.release import Release, scan_split, write_release
from persona_assets.sft.shards import ShardChoice, choose_shards, require_shards
from persona_assets.tables import Batch, TableInfo

_ROLE_PLAY = ("dialogues_r", "dialogues_g")


def build_sft_assets(recipes: Sequence[Recipe], mixes: Mapping[str, Mix], prompts: Path) -> list[dg.AssetsDefinition]:
    """Build both assets. `prompts`: folder of `dialogues_g.yaml`, which says what characters speak under."""
    trained = [recipe for recipe in recipes if recipe.content.sft]
    role_play = load_prompt(prompts / "dialogues_g.yaml", PromptFile)
    return [_build_mix(trained, role_play), _build_dataset(mixes)]


def _build_mix(recipes: Sequence[Recipe], role_play: Prompt[PromptFile]) -> dg.AssetsDefinition:
    sources = {recipe.content.asset: recipe.content.reads for recipe in recipes}
    # Every role-play row has the system message of G's prompt.
    version = f"{CODE_VERSION}.{role_play.version}"
    tables = ["persona_hub", "hub_duplicates", "expanded_personas", "character_profiles", *_ROLE_PLAY, *sources]
    more = [source for source in sources.values() if source not in tables]
    reads = [*tables, *dict.fromkeys(more)]

    @table_asset(
        "sft",
        "Candidates of the shard: chat messages with task, family and provenance.",
        SftMix,
        version,
        deps=[*reads, "source_instructions"],
    )
    def sft_mix(
        context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
    ) -> dg.MaterializeResult[TableInfo]:
        shard, settings = context.partition_key, project.settings.decontamination
        benchmarks = Benchmarks(settings, project.encoder)
        info = publish_batches(
            project,
            "sft_mix",
            shard,
            polars_schema(SftMix),
            take_out_benchmarks(_gather(project, shard, recipes, role_play), benchmarks),
            code_version=version,
            inputs=read_versions(project, shard, *reads, whole=("source_instructions",)),
            settings=project.settings.pick("decontamination", "release.model_terms"),
            benchmarks=describe_benchmarks(settings),
        )
        return to_result(project, info, benchmark_texts=len(benchmarks))

    return sft_mix


def _gather(project: Project, shard: str, recipes: Sequence[Recipe], role_play: Prompt[PromptFile]) -> Iterator[Batch]:
    lake = project.lake
    families = find_families(lake, [shard])
    hub = lake.scan("persona_hub", shard).select("persona_id", "doc_id", "license")
    personas = hub.join(families.lazy(), on="persona_id", how="left", maintain_order="left")
    origin = Origin(personas, project.settings.release.model_terms)
    characters, instructions = lake.scan("character_profiles", shard), lake.scan("source_instructions")
    own = lake.scan(OWN_INSTRUCTIONS, shard) if lake.exists(OWN_INSTRUCTIONS, shard) else None
    for task in _ROLE_PLAY:
        dialogues, table = lake.scan(task, shard), lake.info(task, shard)
        yield from make_role_play_examples(task, dialogues, characters, instructions, origin, table, role_play, own)
    for recipe in recipes:
        asset, source = recipe.content.asset, recipe.content.reads
        rows = lake.scan(source, shard) if source != "persona_hub" else None
        yield from make_recipe_examples(recipe, lake.scan(asset, shard), rows, origin, lake.info(asset, shard))


def _build_dataset(mixes: Mapping[str, Mix]) -> dg.AssetsDefinition:
    @dg.asset(
        deps=[dg.AssetDep("sft_mix", partition_mapping=dg.AllPartitionMapping())],
        group_name="sft",
        description="The release of one mix: train and validation files of the corpus' shards, dataset card and"
        " statistics.",
        code_version=join_versions(mixes),
        kinds={"parquet", "huggingface"},
        owners=OWNERS,
        tags={"persona_assets/stage": "sft"},
        partitions_def=dg.StaticPartitionsDefinition(sorted(mixes)),
    )
    def sft_dataset(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult[Any]:
        name = context.partition_key
        lake = project.lake
        choice = choose_shards(lake, project.list_shards())
        release = write_release(
            project.settings.data / "sft_dataset" / name,
            name,
            mixes[name],
            lake.scan_all("sft_mix", require_shards(choice, project.settings.corpus.path)),
            # Over the whole hub: two personas may be connected through one of a shard that is left out.
            find_families(lake, lake.shards("persona_hub")),
            choice,
            read_ratings(project.settings.data / "ratings"),
        )
        return dg.MaterializeResult(
            data_version=dg.DataVersion(release.data_version), metadata=_describe(release, choice)
        )

    return sft_dataset


def _describe(release: Release, shards: ShardChoice) -> dict[str, Any]:
    # A reason that left nothing out is no column.
    fates = [*SPLITS, *(reason for reason in LEFT_OUT if any(reason in count for count in release.counts.values()))]
    lines = ["| task | " + " | ".join(fates) + " |", "|---|" + "---|" * len(fates)]
    for task, counts in sorted(release.counts.items()):
        lines.append(f"| {task} | " + " | ".join(str(counts.get(fate, 0)) for fate in fates) + " |")
    totals = total_taken(release.counts)
    left_out = shards.describe_left_out()
    packed = release.packed.get("train")
    return {
        "dagster/row_count": sum(totals.values()),
        **totals,
        "shards": len(shards.taken),
        **({"shards_left_out": left_out} if left_out else {}),
        **{f"{split}_tokens": tokens for split, tokens in release.tokens.items()},
        **{f"rows_{name}": rows for name, rows in release.formats.items()},
        **({"packed_rows": int(packed["rows"]), "packed_filled": packed["filled"]} if packed else {}),
        "flagged_left_out": sum(counts.get(FLAGGED, 0) for counts in release.counts.values()),
        "tasks": dg.MetadataValue.md("\n".join(lines)),
        "preview": dg.MetadataValue.md(preview_rows(scan_split(release.folder, "train"))),
        "path": dg.MetadataValue.path(str(release.folder)),
    }
