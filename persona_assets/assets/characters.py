"""character_profiles, dialogues_r and dialogues_g: personas made characters, and what they say."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import dagster as dg
import polars as pl

from persona_assets.assets.character_preview import describe_balance, describe_dialogues
from persona_assets.assets.materialise import TaskConfig, materialise_with_model, read_versions
from persona_assets.assets.pools import PoolOf
from persona_assets.assets.specs import model_asset
from persona_assets.characters.dialogue_prompt import DialoguePrompt, load_dialogue_prompt
from persona_assets.characters.dialogues import answer_sessions, rewrite_sessions
from persona_assets.characters.profile_prompt import ProfilePrompt, load_profile_prompt
from persona_assets.characters.profiles import make_profiles
from persona_assets.characters.sessions import Session, draw_sessions, draw_with_own, make_own_sessions
from persona_assets.llm.agreement import Compare
from persona_assets.llm.asker import Asker
from persona_assets.prompts import Prompt
from persona_assets.records import CharacterProfiles, Dialogues, polars_schema
from persona_assets.resources import Project
from persona_assets.settings import DialogueSettings
from persona_assets.tables import Batch, TableInfo

OWN_INSTRUCTIONS = "instructions"
"""The recipe whose rows are what the shard's own personas ask."""

MakeDialogues = Callable[[Asker[DialoguePrompt], Sequence[Session], Compare], AsyncIterator[Batch]]

_DIALOGUE_SETTINGS = tuple(
    f"dialogues.{name}" for name in ("characters_per_session", "per_character", "openings", "seed")
)


def build_character_assets(prompts: Path, pool: PoolOf, own: bool) -> list[dg.AssetsDefinition]:
    """Build the assets of this group from their prompt files.

    Args:
        prompts: their folder.
        pool: that an asset waits in, by its name.
        own: whether there is a recipe of persona-driven instructions, which dialogues_g then answers, too.
    """
    rewritten = load_dialogue_prompt(prompts / "dialogues_r.yaml")
    generated = load_dialogue_prompt(prompts / "dialogues_g.yaml")
    return [
        _build_profiles(load_profile_prompt(prompts), pool),
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
            lambda: describe_balance(project.lake.scan("character_profiles", context.partition_key)),
        )

    return character_profiles


def _build_dialogues(
    name: str,
    prompt: Prompt[DialoguePrompt],
    pool: PoolOf,
    make: MakeDialogues,
    needs_answers: bool,
    own: bool,
) -> dg.AssetsDefinition:
    @model_asset(name, "characters", prompt, Dialogues, pool, [OWN_INSTRUCTIONS, "persona_hub"] if own else [])
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
        characters, settings = character_profiles.collect(), project.settings.dialogues
        own_share = ("dialogues.own_instructions",) if own else ()
        takes_own = own and settings.own_instructions > 0
        read = ("character_profiles", *((OWN_INSTRUCTIONS, "persona_hub") if takes_own else ()))
        if takes_own:
            instructions, hub = (project.lake.scan(table, shard) for table in (OWN_INSTRUCTIONS, "persona_hub"))
            sessions = draw_with_own(characters, usable, make_own_sessions(instructions, hub), settings, shard)
        else:
            sessions = draw_sessions(characters, usable, settings, shard)
        sessions = sessions[:limit]
        return materialise_with_model(
            context,
            project,
            prompt,
            config,
            polars_schema(Dialogues),
            lambda asker: make(_choose_voices(asker, settings), sessions, project.open_meter().compare),
            len(sessions),
            read_versions(project, shard, *read, whole=("source_instructions",)),
            (*_DIALOGUE_SETTINGS, *own_share),
            lambda: describe_dialogues(project.lake.scan(name, shard)),
        )

    return dialogues


def _choose_voices(asker: Asker[DialoguePrompt], settings: DialogueSettings) -> Asker[DialoguePrompt]:
    content = asker.prompt.content
    if settings.openings == "never" or not asker.continues_answers:
        return asker.with_content(content.without_voices())
    return asker.with_content(content.with_begun_answers())
