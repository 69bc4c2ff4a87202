"""character_profiles, dialogues_r and dialogues_g: personas made characters, and what they say."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import dagster as dg
import polars as pl

from persona_assets.assets.materialise import TaskConfig, materialise_with_model, read_versions
from persona_assets.assets.specs import MODEL_KIND, table_asset
from persona_assets.characters.dialogues import answer_sessions, rewrite_sessions
from persona_assets.characters.profile_prompt import ProfilePrompt, load_profile_prompt
from persona_assets.characters.profiles import make_profiles
from persona_assets.characters.sessions import Session, draw_sessions
from persona_assets.lake import Batch, TableInfo
from persona_assets.llm.asker import Asker
from persona_assets.prompts import Prompt, PromptFile, load_prompt
from persona_assets.records import CharacterProfiles, Dialogues, polars_schema
from persona_assets.resources import Project

MakeDialogues = Callable[[Asker[PromptFile], Sequence[Session]], AsyncIterator[Batch]]


def build_character_assets(prompts: Path, pool: str | None) -> list[dg.AssetsDefinition]:
    """Build the assets of this group from their prompt files."""
    rewritten = load_prompt(prompts / "dialogues_r.yaml", PromptFile)
    generated = load_prompt(prompts / "dialogues_g.yaml", PromptFile)
    return [
        _build_profiles(load_profile_prompt(prompts), pool),
        _build_dialogues("dialogues_r", rewritten, pool, rewrite_sessions, needs_answers=True),
        _build_dialogues("dialogues_g", generated, pool, answer_sessions, needs_answers=False),
    ]


def _build_profiles(prompt: Prompt[ProfilePrompt], pool: str | None) -> dg.AssetsDefinition:
    @table_asset(
        "characters", prompt.content.description, CharacterProfiles, prompt.version, kinds=(MODEL_KIND,), pool=pool
    )
    def character_profiles(
        context: dg.AssetExecutionContext,
        config: TaskConfig,
        project: dg.ResourceParam[Project],
        persona_hub: pl.LazyFrame,
    ) -> dg.MaterializeResult[TableInfo]:
        settings = project.settings.characters
        personas = persona_hub.select(pl.len()).collect().item()
        planned = personas if settings.limit is None else min(settings.limit, personas)
        return materialise_with_model(
            context,
            project,
            prompt,
            config,
            polars_schema(CharacterProfiles),
            lambda asker: make_profiles(asker, persona_hub, settings),
            planned,
            read_versions(project, context.partition_key, "persona_hub"),
            ("characters",),
        )

    return character_profiles


def _build_dialogues(
    name: str, prompt: Prompt[PromptFile], pool: str | None, make: MakeDialogues, needs_answers: bool
) -> dg.AssetsDefinition:
    @table_asset(
        "characters", prompt.content.description, Dialogues, prompt.version, kinds=(MODEL_KIND,), name=name, pool=pool
    )
    def dialogues(
        context: dg.AssetExecutionContext,
        config: TaskConfig,
        project: dg.ResourceParam[Project],
        character_profiles: pl.LazyFrame,
        source_instructions: pl.LazyFrame,
    ) -> dg.MaterializeResult[TableInfo]:
        shard = context.partition_key
        limit = config.merge(project.settings.task(name)).limit
        usable = source_instructions.filter("has_answers") if needs_answers else source_instructions
        sessions = draw_sessions(character_profiles.collect(), usable, project.settings.dialogues, shard)[:limit]
        return materialise_with_model(
            context,
            project,
            prompt,
            config,
            polars_schema(Dialogues),
            lambda asker: make(asker, sessions),
            len(sessions),
            read_versions(project, shard, "character_profiles", whole=("source_instructions",)),
            ("dialogues",),
        )

    return dialogues
