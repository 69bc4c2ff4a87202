"""Mix files, `prompts/mixes/*.yaml`: what goes into a release, and in what measure."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from persona_assets.errors import PromptError
from persona_assets.yaml_files import read_yaml, validate_yaml


class Mix(BaseModel):
    """The content of a mix file.

    Attributes:
        description: what the mix is for.
        weights: for each task the share of its candidates that is taken; a weight above 1 counts as 1, one
            of 0 leaves the task out, and so does a task that is not named.
        max_per_persona: examples of one persona at most; None for no limit.
        validation_share: share of the families that goes to validation.
        seed: of the draw and of the split.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    weights: dict[str, float] = Field(min_length=1)
    max_per_persona: int | None = Field(None, ge=1)
    validation_share: float = Field(0.05, ge=0, lt=1)
    seed: int = 0

    @field_validator("weights")
    @classmethod
    def _check_weights(cls, weights: dict[str, float]) -> dict[str, float]:
        for task, weight in weights.items():
            if not 0 <= weight <= 1:
                raise ValueError(f"the weight of {task} is {weight}; weights are shares from 0 to 1")
        return weights

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
