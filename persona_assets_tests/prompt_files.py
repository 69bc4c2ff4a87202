"""Copies of the prompts with fewer recipes, for tests that treat all recipes alike."""

from collections.abc import Collection
from pathlib import Path


def keep_recipes(prompts: Path, names: Collection[str]) -> None:
    """Remove all recipes but some from a copy of the prompts; each costs a test seconds."""
    for path in (prompts / "recipes").glob("*.yaml"):
        if path.stem not in names:
            path.unlink()
