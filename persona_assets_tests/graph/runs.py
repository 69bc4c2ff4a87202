"""Runs of the whole graph on a corpus small enough for a test."""

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import ExecuteInProcessResult

from persona_assets.definitions import build_definitions
from persona_assets.embedding.cache import CachedEncoder
from persona_assets.embedding.encoder import Encoder
from persona_assets.io import LakeIOManager
from persona_assets.lake import Lake
from persona_assets.recipes.load import load_recipes
from persona_assets.resources import Project
from persona_assets.settings import PACKAGE, EmbeddingSettings, Settings, load_settings

SHARD = "small"
MIX = "default"
_RECIPES = load_recipes(PACKAGE.parent / "prompts" / "recipes")
RECIPES = tuple(recipe.content.asset for recipe in _RECIPES)
TRAINED_RECIPES = tuple(recipe.content.asset for recipe in _RECIPES if recipe.content.sft)
MODEL_BACKED = (
    "seed_personas",
    "expanded_personas",
    "character_profiles",
    "dialogues_r",
    "dialogues_g",
    *RECIPES,
)
_COMPILED: dict[str, Path] = {}
SHARD_ASSETS = ("web_text", *MODEL_BACKED, "persona_hub", "hub_duplicates", "sft_mix")

SUBJECTS = (
    "The ferry pilot wrote down how the river rose after the third week of rain",
    "A baker tested four kinds of rye flour in a cold kitchen before the village fair",
    "The school's choir learned a song about the harbour in two voices and without a piano",
    "Our bees left the hive in May, so the gardener set a box of old comb under the pear tree",
    "The court asked why the bridge had been closed on the morning of the cattle market",
    "A nurse counted the steps between the ward and the pharmacy on every night of the winter",
    "The museum lent its oldest clock to a workshop that repairs the gears of windmills",
    "Two brothers drew a map of every spring on the mountain and sold it to hikers",
)

ANSWERS = (
    ("How do I keep bread fresh?", "Keep it in a linen bag and in a dry place, cut side down, for up to 3 days."),
    ("What is a tide?", "A tide is the slow rise and fall of the sea, mostly drawn by the moon, about every 12 hours."),
    ("Name a good first book.", "Take a short one that you would like to read twice; 120 pages are enough to start."),
)
TALK = (
    ("Which plants like shade?", "Ferns, hostas and foxgloves grow well in 3 hours of sun a day."),
    ("And which of them is poisonous?", "The foxglove is: keep its leaves away from children and from animals."),
)


def take_compiled_models(store: Path) -> None:
    """Have all runs of this process take the embedding model from where it lies compiled."""
    _COMPILED["models"] = store


def write_documents(path: Path, numbers: Iterable[int], ending: str = "") -> Path:
    """Write documents, one for each subject; another ending makes another text of the same subject."""
    rows = [{"id": f"d{number}", "text": make_document(number) + ending} for number in numbers]
    return write_rows(path, rows)


def make_document(number: int) -> str:
    """A text of the corpus that is long enough."""
    return f"{SUBJECTS[number]}. " + f"Nobody had thought of number {number} before, and everybody spoke of it. " * 3


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write_instructions(path: Path, single: int = 3) -> Path:
    """Write sessions: some of one turn, and one of two turns."""
    sessions = [*[[pair] for pair in ANSWERS[:single]], list(TALK)]
    rows = [
        {
            "messages": [
                {"role": role, "content": content}
                for pair in session
                for role, content in zip(("user", "assistant"), pair, strict=True)
            ]
        }
        for session in sessions
    ]
    return write_rows(path, rows)


def make_settings(folder: Path, **overrides: Mapping[str, Any]) -> Settings:
    """The settings of a small project in a folder: its corpus, its instructions and its data.

    Args:
        folder: holds `corpus/`, `instructions/`, `data/` and, if it has its own, `prompts/`.
        overrides: by section, what a test changes.
    """
    sections: dict[str, dict[str, Any]] = {
        "paths": {"data": folder / "data", "prompts": prompts if (prompts := folder / "prompts").is_dir() else None},
        "corpus": {"path": folder / "corpus"},
        "instructions": {"path": folder / "instructions"},
        "model": {"name": "scripted/plain"},
        "expansion": {"rounds": 2, "relatives": 2, "max_frontier": 3},
        "characters": {"limit": 6},
        "dialogues": {"per_character": 2},
        # What is seen is tested of the finished project.
        "automation": {"pictures": False},
    }
    for section, values in overrides.items():
        sections[section] = {**sections.get(section, {}), **values}
    return load_settings(**sections)


@dataclass(frozen=True, slots=True)
class Chain:
    """Everything that was run for one shard: the instruction sets, the shard and the release."""

    settings: Settings
    instructions: ExecuteInProcessResult
    shard: ExecuteInProcessResult
    release: ExecuteInProcessResult

    @property
    def results(self) -> tuple[ExecuteInProcessResult, ...]:
        return self.instructions, self.shard, self.release


def materialise_chain(settings: Settings, key: str = SHARD, instance: dg.DagsterInstance | None = None) -> Chain:
    """Materialise every asset for one shard, and the release."""
    instance = instance or dg.DagsterInstance.ephemeral()
    instructions = run_job(settings, "instruction_sets", None, instance=instance)
    shard = materialise_shard(settings, key, instance=instance)
    return Chain(settings, instructions, shard, materialise_release(settings, instance))


def materialise_shard(
    settings: Settings,
    key: str = SHARD,
    *assets: str,
    instance: dg.DagsterInstance | None = None,
    io_manager: type[LakeIOManager] = LakeIOManager,
    log_level: str = "ERROR",
) -> ExecuteInProcessResult:
    """Run the job `shard_pipeline` for a shard, or a part of it.

    Args:
        settings: of the project.
        key: the shard; it is registered.
        assets: the assets to run with their checks; none: all of them.
        instance: keeps the registered shards from run to run.
        io_manager: another one, which spoils what was published.
        log_level: from which Dagster writes to the console, which costs time.

    Returns:
        What Dagster says of the run, which may have failed.
    """
    instance = instance or dg.DagsterInstance.ephemeral()
    if not Lake(settings.data / "lake").exists("source_instructions"):
        run_job(settings, "instruction_sets", None, instance=instance)
    instance.add_dynamic_partitions("corpus_shard", [key])
    return run_job(
        settings, "shard_pipeline", key, *assets, instance=instance, io_manager=io_manager, log_level=log_level
    )


def materialise_release(settings: Settings, instance: dg.DagsterInstance | None = None) -> ExecuteInProcessResult:
    """Run the job `release`."""
    return run_job(settings, "release", MIX, instance=instance or dg.DagsterInstance.ephemeral())


def run_job(
    settings: Settings,
    job: str,
    key: str | None,
    *assets: str,
    instance: dg.DagsterInstance,
    io_manager: type[LakeIOManager] = LakeIOManager,
    log_level: str = "ERROR",
) -> ExecuteInProcessResult:
    """Run one job in this process; a failed step is in the result."""
    project = Project(settings)
    project.encoder = CachedEncoder(_get_encoder(settings.embedding), settings.data / "index" / "vectors.sqlite")
    definitions = build_definitions(settings, {"project": project, "lake": io_manager(project.lake)})
    try:
        return definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            partition_key=key,
            run_config={"loggers": {"console": {"config": {"log_level": log_level}}}},
            asset_selection=[dg.AssetKey(asset) for asset in assets] or None,
            raise_on_error=False,
        )
    finally:
        project.close()


@functools.cache
def _get_encoder(settings: EmbeddingSettings) -> Encoder:
    """One for all runs: loading the model takes longer than many of them."""
    return Encoder(settings, _COMPILED.get("models"))


def read_metadata(result: ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """The metadata of every materialisation of a run, by asset."""
    events = [event for event in result.all_events if event.event_type_value == "ASSET_MATERIALIZATION"]
    return {
        event.materialization.asset_key.path[-1]: {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in events
    }


def list_materialised(result: ExecuteInProcessResult) -> set[str]:
    """The assets that a run materialised."""
    return set(read_metadata(result))


def list_failed_checks(*results: ExecuteInProcessResult) -> dict[tuple[str, str], str]:
    """What each failed check says, by asset and name."""
    return {
        (check.asset_key.path[-1], check.check_name): check.description or ""
        for result in results
        for check in result.get_asset_check_evaluations()
        if not check.passed
    }


def list_failures(*results: ExecuteInProcessResult) -> dict[str, str]:
    """The error of each failed step."""
    return {
        str(event.step_key): event.step_failure_data.error.to_string()
        for result in results
        for event in result.all_events
        if event.is_step_failure and event.step_failure_data.error
    }


def read_files(folder: Path) -> dict[str, bytes]:
    """The content of every file of a folder, by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }
