"""Writes docs/records.md from the schemas: `python docs/make_records.py`."""

from pathlib import Path

import dataframely as dy

from persona_assets.recipes.load import load_recipes
from persona_assets.records import SCHEMAS

PAGE = Path(__file__).with_name("records.md")
PROMPTS = Path(__file__).parent.parent / "prompts"


def describe_records() -> str:
    """The page: every artifact with its columns, types and meanings."""
    schemas: dict[str, type[dy.Schema]] = dict(SCHEMAS)
    for recipe in load_recipes(PROMPTS / "recipes"):
        schemas[recipe.content.asset] = recipe.content.schema_class()
    head = (
        "# Records\n\nThe columns of every table of the lake, made from `persona_assets/records.py` and the recipe"
        " files by `python docs/make_records.py`.\n"
    )
    return "\n".join([head, *(_describe(name, schema) for name, schema in schemas.items())])


def _describe(name: str, schema: type[dy.Schema]) -> str:
    lines = [
        f"## {name}",
        "",
        (schema.__doc__ or "").strip(),
        "",
        "| column | type | null | meaning |",
        "|---|---|---|---|",
    ]
    for column, spec in schema.columns().items():
        kind = type(spec).__name__.lower()
        meaning = (spec.description or "").replace("|", "\\|")
        lines.append(
            f"| `{column}`{' (key)' if spec.primary_key else ''} | {kind} | {'yes' if spec.nullable else ''}"
            f" | {meaning} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    PAGE.write_text(describe_records(), encoding="utf-8")
