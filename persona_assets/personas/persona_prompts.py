"""The two prompt files of this storey."""

from pathlib import Path

from pydantic import field_validator

from persona_assets.prompts import Prompt, PromptFile, load_prompt

SEED_PROMPT_FILE = "seed_personas.yaml"
_EXPANSION_PROMPT_FILE = "expanded_personas.yaml"
_GRANULARITIES = ("coarse", "fine")


class SeedPrompt(PromptFile):
    """Text-to-Persona. `granularity`: how a person is described, by granularity: coarse, fine."""

    granularity: dict[str, str]

    @field_validator("granularity")
    @classmethod
    def _check_granularity(cls, granularity: dict[str, str]) -> dict[str, str]:
        missing = [name for name in _GRANULARITIES if name not in granularity]
        if missing:
            raise ValueError(f"there is no text for {', '.join(missing)}")
        return granularity


def load_seed_prompt(folder: Path) -> Prompt[SeedPrompt]:
    """Read the prompt file of Text-to-Persona."""
    return load_prompt(folder / SEED_PROMPT_FILE, SeedPrompt)


def load_expansion_prompt(folder: Path) -> Prompt[PromptFile]:
    """Read the prompt file of Persona-to-Persona."""
    return load_prompt(folder / _EXPANSION_PROMPT_FILE, PromptFile)
