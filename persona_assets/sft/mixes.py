"""Mix files, `prompts/mixes/*.yaml`: what goes into a release, and in what measure and form."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from persona_assets.errors import PromptError
from persona_assets.row_checks import require_flags
from persona_assets.yaml_files import read_yaml, validate_yaml

Format = Literal["sharegpt", "alpaca", "preference"]


class Filters(BaseModel):
    """Which candidates a mix takes; what is left out does not narrow it.

    Attributes:
        languages: languages of the assistant's text, as ISO 639-1 codes.
        licenses: patterns such as `CC-BY-*`; each licence of a row must match one.
        without_licenses: patterns of which no licence of a row may match one.
        models: patterns of the models that wrote the assistant's turns.
        min_chars: least length of the assistant's turns together, in characters.
        max_compression: characters a byte of the assistant's turns, compressed; above 3 or so is repetition.
        min_rating: least mean rating by the judges, 1 to 5 (`persona-assets judge`).
        keep_unrated: whether min_rating lets pass what no judge has seen.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    languages: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()
    without_licenses: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    min_chars: int | None = Field(None, ge=1)
    max_chars: int | None = Field(None, ge=1)
    max_compression: float | None = Field(None, gt=0)
    min_rating: float | None = Field(None, ge=1, le=5)
    keep_unrated: bool = False


class Mix(BaseModel):
    """The content of a mix file.

    Attributes:
        weights: for each task the share of its candidates that is taken; a weight above 1 counts as 1, one
            of 0 leaves the task out, and so does a task that is not named.
        counts: for some tasks the most examples taken, over both splits.
        exclude_flags: checks whose flag keeps a candidate out; `*` stands for any, an empty list lets all in.
        max_per_persona: examples of one persona at most; None for no limit.
        max_per_family: examples of one family at most; None for no limit.
        tokenizer: of the model to be trained: a model id or folder of Hugging Face, or embedded/NAME; without one
            nothing is counted in tokens.
        max_tokens: whole turns are cut off the end of a longer example.
        pack: length in tokens of the packed rows that are written beside the others; None for none.
        validation_share: share of the families that goes to validation.
        seed: of the draw and of the split.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    weights: dict[str, float] = Field(min_length=1)
    counts: dict[str, int] = Field(default_factory=dict)
    filters: Filters = Filters()
    exclude_flags: Annotated[tuple[str, ...], AfterValidator(require_flags)] = ("*",)
    max_per_persona: int | None = Field(None, ge=1)
    max_per_family: int | None = Field(None, ge=1)
    tokenizer: str | None = None
    max_tokens: int | None = Field(None, ge=16)
    pack: int | None = Field(None, ge=16)
    formats: tuple[Format, ...] = ()
    validation_share: float = Field(0.05, ge=0, lt=1)
    seed: int = 0

    @field_validator("weights")
    @classmethod
    def _check_weights(cls, weights: dict[str, float]) -> dict[str, float]:
        for task, weight in weights.items():
            if not 0 <= weight <= 1:
                raise ValueError(f"the weight of {task} is {weight}; weights are shares from 0 to 1")
        return weights

    @field_validator("counts")
    @classmethod
    def _check_counts(cls, counts: dict[str, int]) -> dict[str, int]:
        for task, count in counts.items():
            if count < 0:
                raise ValueError(f"the count of {task} is {count}; counts are whole numbers from 0")
        return counts

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        for task in self.counts:
            if task not in self.weights:
                raise ValueError(f"counts names {task}, and weights does not: give it a weight, 1.0 for all of it")
        for name in ("max_tokens", "pack"):
            if getattr(self, name) is not None and self.tokenizer is None:
                raise ValueError(f"{name} counts tokens: name the tokenizer of the model to be trained")
        if self.pack is not None and (self.max_tokens is None or self.max_tokens > self.pack):
            raise ValueError("pack needs max_tokens, at most as large: a longer example fits into no packed row")
        return self

    @property
    def version(self) -> str:
        """Hash of the content."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


def load_mixes(folder: Path) -> dict[str, Mix]:
    """Read every mix file of a folder, by name.

    Args:
        folder: the folder `mixes` of the prompts.

    Returns:
        The mixes, each under the name of its file.

    Raises:
        PromptError: naming the file and key that is wrong, or if there is none.
    """
    mixes = {path.stem: _load_mix(path) for path in sorted(folder.glob("*.y*ml"))}
    if not mixes:
        raise PromptError(f"{folder} holds no mix. Write one, for example default.yaml with weights for each task.")
    return mixes


def join_versions(mixes: Mapping[str, Mix]) -> str:
    """One version of all mixes, for the releases are one asset: an edit shows all of them as stale in the UI.

    `persona-assets status` compares each release with its own mix.
    """
    versions = {name: mix.version for name, mix in mixes.items()}
    return hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()[:16]


def _load_mix(path: Path) -> Mix:
    source, values = read_yaml(path)
    return validate_yaml(path, source, values, Mix)
