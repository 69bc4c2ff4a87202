"""Attributes that are suggested to the model: drawn by weight for each character, kept where they fit its persona."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from pydantic import ConfigDict, Field, RootModel

from persona_assets.personas.draws import draw_weighted
from persona_assets.prompts import Prompt, PromptFile, hash_files
from persona_assets.yaml_files import read_yaml, validate_yaml

FREE = "free"
"""What `characters.attributes` says where nothing is suggested."""

_BAND = re.compile(r"(\d+)\s*[-–]\s*(\d+)")

Weights = Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)]


class Suggestions(RootModel[dict[str, Weights]]):
    """A file of attributes: of each the values, and their weights."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)


class ProfilePrompt(PromptFile):
    """The prompt of character profiles.

    Attributes:
        suggestions: by attribute, values and weights; not part of the file, but of what `characters.attributes` names.
    """

    suggestions: Mapping[str, Mapping[str, float]] = {}


def load_profile_prompt(folder: Path, attributes: str = FREE) -> Prompt[ProfilePrompt]:
    """Read `character_profiles.yaml`, and the file of suggested attributes.

    Args:
        attributes: `free`, or the file: absolute, or relative to the folder.

    Returns:
        The prompt, its version a hash of both files.

    Raises:
        PromptError: naming the file and the line or key that is wrong.
    """
    path = folder / "character_profiles.yaml"
    source, values = read_yaml(path)
    content = validate_yaml(path, source, values, ProfilePrompt)
    if attributes == FREE:
        return Prompt(path.stem, hash_files(source), content)
    suggested, weights = read_yaml(folder / attributes)
    suggestions = validate_yaml(folder / attributes, suggested, weights, Suggestions).root
    return Prompt(path.stem, hash_files(source, suggested), content.model_copy(update={"suggestions": suggestions}))


def suggest(persona_id: str, suggestions: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """Draw a value of each attribute, the same for the same persona whatever else is in the shard."""
    return {name: draw_weighted(f"{name} of {persona_id}", values) for name, values in suggestions.items()}


def measure_kept(profiles: pl.LazyFrame, suggestions: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Measure the share of characters that have what was suggested, by attribute."""
    rows = profiles.collect().to_dicts()
    return {
        name: sum(_has(row, name, suggest(row["persona_id"], suggestions)[name]) for row in rows) / max(1, len(rows))
        for name in suggestions
    }


def _has(profile: Mapping[str, Any], name: str, value: str) -> bool:
    if name == "age" and (band := _BAND.fullmatch(value)):
        return int(band[1]) <= int(profile["age"]) <= int(band[2])
    # A country is part of the birthplace, a religion or a language of any text.
    texts = [profile[name]] if name in profile else [profile["birthplace"], profile["race"], profile["experience"]]
    return any(re.search(rf"\b{re.escape(value)}\b", str(text), re.IGNORECASE) for text in texts)
