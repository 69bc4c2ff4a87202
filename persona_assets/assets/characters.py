"""character_profiles, dialogues_r and dialogues_g: personas made characters, and what they say."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import dagster as dg
import polars as pl

from persona_assets.assets.materialise import TaskConfig, find_excluded, materialise_with_model, read_versions
from persona_assets.assets.pools import PoolOf
from persona_assets.assets.specs import model_asset
from persona_assets.assets.table_previews import describe_characters, describe_dialogues
from persona_assets.characters.answer import answer_sessions
from persona_assets.characters.profiles import make_profiles
from persona_assets.characters.rewrite import rewrite_sessions
from persona_assets.characters.sessions import Session, draw_sessions, draw_with_own, limit_sessions, make_own_sessions
from persona_assets.characters.suggestions import FREE, ProfilePrompt, load_profile_prompt
from persona_assets.llm.asker import Asker
from persona_assets.prompts import Prompt, PromptFile, load_prompt
from persona_assets.records import CharacterProfiles, Dialogues, polars_schema, without_flags
from persona_assets.resources import Project
from persona_assets.tables import Batch, TableInfo

OWN_INSTRUCTIONS = "instructions"
"""The recipe whose rows are what the shard's own personas ask."""

MakeDialogues = Callable[[Asker[PromptFile], Sequence[Session]], AsyncIterator[Batch]]

_DIALOGUE_SETTINGS = ("dialogues.characters_per_session", "dialogues.per_character", "dialogues.seed")


def build_character_assets(prompts: Path, pool: PoolOf, own: bool, attributes: str = FREE) -> list[dg.AssetsDefinition]:
    """Build the assets of this group from their prompt files.

    Args:
        own: whether there is a recipe of persona-driven instructions, which dialogues_g then answers, too.
        attributes: the setting `characters.attributes`, whose file is part of the version of the profiles' prompt.
    """
    rewritten, generated = (load_prompt(prompts / f"dialogues_{kind}.yaml", PromptFile) for kind in "rg")
    return [
        _build_profiles(load_profile_prompt(prompts, attributes), pool),
        _build_dialogues("dialogues_r", rewritten, pool, rewrite_sessions, needs_answers=True, own=False),
        _build_dialogues("dialogues_g", generated, pool, answer_sessions, needs_answers=False, own=own),
    ]


def _build_profiles(prompt: Prompt[ProfilePrompt], pool: PoolOf) -> dg.AssetsDefinition:
    @model_asset("character_profiles", "characters", prompt, CharacterProfiles, pool)
    def character_profiles(
        context: dg.AssetExecutionContext,
        config: TaskConfig,
        project: dg.ResourceParam[Project],
        persona_hub: pl.LazyFrame,
    ) -> dg.MaterializeResult[TableInfo]:
        settings, shard = project.settings.characters, context.partition_key
        hub = without_flags(persona_hub, find_excluded(project, "character_profiles", config))
        limits = (settings.limit, config.merge(project.settings.task("character_profiles")).limit)
        planned = min([hub.select(pl.len()).collect().item(), *(limit for limit in limits if limit is not None)])
        return materialise_with_model(
            context,
            project,
            prompt,
            config,
            polars_schema(CharacterProfiles),
            lambda asker: make_profiles(asker, hub, settings),
            planned,
            read_versions(project, shard, "persona_hub"),
            ("characters",),
            lambda: describe_characters(project.lake.scan("character_profiles", shard), prompt.content.suggestions),
        )

    return character_profiles


def _build_dialogues(
    name: str, prompt: Prompt[PromptFile], pool: PoolOf, make: MakeDialogues, needs_answers: bool, own: bool
) -> dg.AssetsDefinition:
    @model_asset(name, "characters", prompt, Dialogues, pool, [OWN_INSTRUCTIONS, "persona_hub"] if own else [])
    def dialogues(
        context: dg.AssetExecutionContext,
        config: TaskConfig,
        project: dg.ResourceParam[Project],
        character_profiles: pl.LazyFrame,
        source_instructions: pl.LazyFrame,
    ) -> dg.MaterializeResult[TableInfo]:
        shard, settings = context.partition_key, project.settings.dialogues
        excluded = find_excluded(project, name, config)
        usable = source_instructions.filter("has_answers") if needs_answers else source_instructions
        characters = without_flags(character_profiles, excluded).collect()
        takes_own = own and settings.own_instructions > 0
        if takes_own:
            asked = without_flags(project.lake.scan(OWN_INSTRUCTIONS, shard), excluded)
            own_sessions = make_own_sessions(asked, project.lake.scan("persona_hub", shard))
            sessions = draw_with_own(characters, usable, own_sessions, settings, shard)
        else:
            sessions = draw_sessions(characters, usable, settings, shard)
        sessions = limit_sessions(sessions, config.merge(project.settings.task(name)).limit)
        read = ("character_profiles", *((OWN_INSTRUCTIONS, "persona_hub") if takes_own else ()))
        return materialise_with_model(
            context,
            project,
            prompt,
            config,
            polars_schema(Dialogues),
            lambda asker: make(asker, sessions),
            len(sessions),
            read_versions(project, shard, *read, whole=("source_instructions",)),
            (*_DIALOGUE_SETTINGS, *(("dialogues.own_instructions",) if own else ())),
            lambda: describe_dialogues(project.lake.scan(name, shard)),
        )

    return dialogues
