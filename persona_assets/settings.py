"""The user's settings: `pipeline.toml`, each value overridable by `PERSONA_ASSETS__SECTION__KEY`.

One pydantic model a section. An unknown key or a value of the wrong type is a `SettingsError` that names
it. Nothing else in the package reads the environment for a setting.
"""
# The others import the sections' models from here, too.
# mypy: implicit-reexport

import os
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic_core import to_jsonable_python
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings import SettingsError as EnvironmentValueError

from persona_assets.errors import SettingsError
from persona_assets.row_checks import CHECKS, CheckSettings, RowChecks, require_checks
from persona_assets.settings_release import (
    AutomationSettings,
    DecontaminationSettings,
    EvaluationSettings,
    QualitySettings,
    ReleaseSettings,
    TrainingSettings,
)
from persona_assets.settings_sections import (
    PACKAGE,
    BatchSettings,
    BudgetSettings,
    CharacterSettings,
    CorpusSettings,
    DefaultSettings,
    DialogueSettings,
    EmbeddingSettings,
    ExpansionSettings,
    HubSettings,
    IndexSettings,
    InstructionSettings,
    LedgerSettings,
    ModelSettings,
    PathSettings,
    SandboxSettings,
    SeedSettings,
    TaskSettings,
)

ENV_PREFIX = "PERSONA_ASSETS__"
CONFIG_FILE_VARIABLE = "PERSONA_ASSETS_CONFIG"
_SECRETS = frozenset({"api_key", "url"})


def _require_flagged_rows(tasks: dict[str, TaskSettings]) -> dict[str, TaskSettings]:
    if "seed_personas" in tasks and tasks["seed_personas"].exclude_flags is not None:
        raise ValueError("seed_personas.exclude_flags leaves nothing out, for documents have no flags: delete it")
    return tasks


class Settings(BaseSettings):
    """All settings of a project, validated. Build it with `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        # An empty variable, as compose files pass on, is an unset one.
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    paths: PathSettings = PathSettings()
    corpus: CorpusSettings = CorpusSettings()
    instructions: InstructionSettings = InstructionSettings()
    model: ModelSettings = ModelSettings()
    defaults: DefaultSettings = DefaultSettings()
    tasks: Annotated[dict[str, TaskSettings], AfterValidator(_require_flagged_rows)] = Field(default_factory=dict)
    checks: Annotated[dict[str, CheckSettings], AfterValidator(require_checks)] = Field(default_factory=dict)
    embedding: EmbeddingSettings = EmbeddingSettings()
    index: IndexSettings = IndexSettings()
    ledger: LedgerSettings = LedgerSettings()
    budget: BudgetSettings = BudgetSettings()
    batch: BatchSettings = BatchSettings()
    sandbox: SandboxSettings = SandboxSettings()
    seed_personas: SeedSettings = SeedSettings()
    expansion: ExpansionSettings = ExpansionSettings()
    hub: HubSettings = HubSettings()
    characters: CharacterSettings = CharacterSettings()
    dialogues: DialogueSettings = DialogueSettings()
    decontamination: DecontaminationSettings = DecontaminationSettings()
    quality: QualitySettings = QualitySettings()
    automation: AutomationSettings = AutomationSettings()
    release: ReleaseSettings = ReleaseSettings()
    training: TrainingSettings = TrainingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Say where settings come from, the strongest first."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, find_config_file()))

    @property
    def data(self) -> Path:
        """The data folder, absolute."""
        return self.paths.data.expanduser().resolve()

    @property
    def lake(self) -> str:
        """Where the tables lie: an absolute folder, or an address in object storage."""
        lake = self.paths.lake
        if lake is None:
            return str(self.data / "lake")
        return lake if "://" in lake else str(Path(lake).expanduser().resolve())

    @property
    def prompts(self) -> Path:
        """The folder of prompt files: the configured one, `./prompts`, or the packaged copy."""
        candidates = [self.paths.prompts] if self.paths.prompts else [Path("prompts"), PACKAGE.parent / "prompts"]
        for folder in candidates:
            if (folder / "recipes").is_dir():
                return folder.resolve()
        if self.paths.prompts:
            raise SettingsError(f"paths.prompts: {self.paths.prompts} is no folder of prompts (no recipes/ in it).")
        return PACKAGE / "_prompts"

    def task(self, name: str) -> TaskSettings:
        """What `[tasks.NAME]` sets; empty when the table is missing."""
        return self.tasks.get(name, TaskSettings())

    def row_checks(self) -> RowChecks:
        """The checks of rows, with the levels and parameters of `[checks]`."""
        return RowChecks(self.checks)

    def read(self, name: str) -> Any:
        """One value as JSON has it, by its name in the file, such as `tasks.math_problems.limit`; None if unset."""
        section, _, key = name.partition(".")
        holder: object = getattr(self, section, None)
        if section == "checks":
            return to_jsonable_python(self.checks.get(key))
        if section == "tasks":
            task, _, key = key.partition(".")
            holder = self.task(task)
        return to_jsonable_python(getattr(holder, key, None))

    def pick(self, *names: str) -> dict[str, Any]:
        """Some values by name, for a record of what a table was made with; a section's name stands for all of it."""
        picked: dict[str, Any] = {}
        for name in names:
            held = getattr(self, name.partition(".")[0])
            inner = CHECKS if name == "checks" else held if isinstance(held, dict) else type(held).model_fields
            keys = [name] if "." in name else [f"{name}.{key}" for key in inner]
            picked |= {key: self.read(key) for key in keys}
        return picked


def find_config_file() -> Path | None:
    """The settings file: what `$PERSONA_ASSETS_CONFIG` names (SettingsError if it is no file), or `./pipeline.toml`."""
    named = os.environ.get(CONFIG_FILE_VARIABLE)
    path = Path(named or "pipeline.toml")
    if path.is_file():
        return path
    if named:
        raise SettingsError(f"{CONFIG_FILE_VARIABLE} names {named}, which is no file. Correct or unset it.")
    return None


def load_settings(**overrides: Any) -> Settings:
    """Read the settings: overrides, then the environment, then `pipeline.toml`, then the defaults.

    Args:
        overrides: whole or partial sections as dictionaries, for tests and for one run's changes.

    Raises:
        SettingsError: naming the key, as file key and as environment variable.
    """
    _reject_unknown_variables()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(_describe(error)) from None
    except EnvironmentValueError as error:
        raise SettingsError(f"{error}: write lists and tables in environment variables as JSON.") from None
    except (ValueError, OSError) as error:
        raise SettingsError(f"{find_config_file()} cannot be read as TOML: {error}. See pipeline.toml.") from None


def _reject_unknown_variables() -> None:
    known = set(Settings.model_fields)
    for name in os.environ:
        if name.startswith(ENV_PREFIX) and name.removeprefix(ENV_PREFIX).split("__")[0].lower() not in known:
            raise SettingsError(f"{name}: there is no such section. Sections are {', '.join(sorted(known))}.")


def _describe(error: ValidationError) -> str:
    lines = []
    for issue in error.errors():
        # A place inside a list has a number, but no variable of its own.
        place = [part for part in issue["loc"] if isinstance(part, str)]
        variable = ENV_PREFIX + "__".join(place).upper()
        if issue["type"] == "extra_forbidden":
            problem = f"there is no such setting{_suggest(place)}"
        else:
            got = "" if place[-1] in _SECRETS or isinstance(issue["input"], dict) else f", got {issue['input']!r}"
            problem = f"{issue['msg'][:1].lower()}{issue['msg'][1:]}{got}"
        lines.append(f"{'.'.join(place)} (or {variable}): {problem}")
    return f"Settings are wrong. {'; '.join(lines)}. See pipeline.toml."


def _suggest(place: list[str]) -> str:
    field = Settings.model_fields.get(place[0]) if len(place) == 2 else None
    section = field.annotation if field else None
    if isinstance(section, type) and issubclass(section, BaseModel):
        return f" in [{place[0]}]; it has {', '.join(section.model_fields)}"
    return ""


@cache
def packaged_settings() -> Settings:
    """The defaults alone, for descriptions in the user interface."""
    return Settings.model_construct()
