"""The tables of `pipeline.toml` about what becomes of the rows: quality, releases, training, automation."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from persona_assets.settings_sections import PACKAGED_MODEL, Section


class DecontaminationSettings(Section):
    """Benchmarks of which nothing may come into the SFT mix."""

    benchmarks: tuple[Path, ...] = Field((), description="Files or folders of benchmarks; any text in them counts.")
    words: int = Field(13, ge=5, description="Words in a row that an example may not share with a benchmark.")
    cosine: float = Field(0.9, gt=0, le=1, description="Cosine to a benchmark's text from which an example is it.")


class QualitySettings(Section):
    """What the rows of a recipe must be as a set; a check warns where they are not."""

    sample_rows: int = Field(1_000, ge=10, le=10_000, description="Rows of a table that are measured.")
    min_valid: float = Field(0.2, ge=0, le=1, description="Least share of the replies that pass the recipe's checks.")
    min_distinct_2: float = Field(0.2, ge=0, le=1, description="Least share of different pairs of words.")
    min_persona_match: float = Field(
        0.3, ge=0, le=1, description="Least share of the rows nearer to their own persona than to nine others."
    )
    max_near_duplicates: float = Field(
        0.1, ge=0, le=1, description="Largest share of the rows to which another one is at or above hub.cosine."
    )
    max_name_share: float = Field(0.05, gt=0, le=1, description="Largest share of the characters of one given name.")
    max_place_share: float = Field(0.15, gt=0, le=1, description="Largest share of them from one country.")
    max_gender_share: float = Field(0.65, gt=0, le=1, description="Largest share of them of one gender.")


class AutomationSettings(Section):
    """What Dagster does by itself, once its schedules are turned on in the UI."""

    cron: str = Field("0 2 * * *", description="When backfill_shards looks for shards that are new or out of date.")
    timezone: str = Field("UTC", description="Of cron, as the IANA database names it.")
    shards_per_tick: int = Field(20, ge=1, description="Shards launched at one time, at most.")
    retries: int = Field(2, ge=0, description="Failed runs of a shard, beyond the first, before it is left alone.")
    runs_per_provider: int = Field(
        4, ge=1, description="Steps that may ask one model provider at a time, until the UI sets its pool otherwise."
    )
    keep_runs_days: int = Field(90, ge=1, description="Age at which prune_runs deletes the records of a run.")
    pictures: bool = Field(
        True, description="Draw pictures of each materialisation: a quarter of a second and some 30 KB of records each."
    )
    hub_days: int = Field(30, ge=1, description="Days after which a shard of the hub counts as old.")
    release_days: int = Field(30, ge=1, description="The same of a release.")


class ReleaseSettings(Section):
    """What is said of a release, and what may be published of it."""

    model_terms: dict[str, str] = Field(
        {PACKAGED_MODEL: "Apache-2.0"},
        description="Licence or terms of models' answers, by model name, * for anything; else unknown.",
    )
    licenses: tuple[str, ...] = Field(
        ("CC0-*", "PDM-*", "CC-BY-*", "ODC-*", "Apache-2.0", "MIT", "BSD-*"),
        description="Licences of sources, * for anything, that `persona-assets publish` lets pass; never *-ND.",
    )


class TrainingSettings(Section):
    """Fine-tuning on a release; the defaults of the optimiser are OpenCharacter's."""

    base: str = Field(
        PACKAGED_MODEL, description="Model to start from: a model id or folder of Hugging Face, or an embedded model."
    )
    method: Literal["full", "lora"] = Field("full", description="lora: adapters alone are trained.")
    lora_rank: int = Field(16, ge=1, description="Rank of the adapters.")
    epochs: float = Field(1.0, gt=0, description="Passes over the rows.")
    max_steps: int | None = Field(None, ge=1, description="Steps of the optimiser, whatever epochs says; none: epochs.")
    share: float = Field(1.0, gt=0, le=1, description="Share of the training rows, drawn by the seed.")
    batch_size: int = Field(64, ge=1, description="Examples of one step.")
    micro_batch: int = Field(4, ge=1, description="Examples in memory at once.")
    learning_rate: float = Field(1e-5, gt=0, description="At the first step; it falls linearly.")
    final_learning_rate: float = Field(1e-6, ge=0, description="At the last step.")
    max_tokens: int = Field(2_048, ge=16, description="Whole turns are cut off the end of a longer example.")
    seed: int = 0


class EvaluationSettings(Section):
    """What a model is asked before and after training."""

    mathematics: tuple[Path, ...] = Field(
        (), description="Benchmark files with a reference answer, beside the release's own held-out problems."
    )
    personas: tuple[Path, ...] = Field(
        (), description="Question files of PersonaGym's kind, beside the release's own characters."
    )
    judge: str | None = Field(None, description="Model that scores role play; none: model.name.")
    problems: int = Field(50, ge=1, description="Problems asked of each file and of the release.")
    characters: int = Field(10, ge=1, description="Characters asked of each file and of each split.")
    questions: int = Field(1, ge=1, description="Questions of each of the five tasks put to a character.")
    max_tokens: int = Field(2_048, ge=16, description="Limit of an answer.")
    max_drop: float = Field(0.05, ge=0, le=1, description="How much of a score a release may lose against the last.")
