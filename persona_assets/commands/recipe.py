"""`persona-assets recipe`: write a recipe file, examine all of them, try one on a persona."""

import asyncio
from typing import Any

import polars as pl
from rich.console import Console

from persona_assets.accounting import Accounting
from persona_assets.commands import say
from persona_assets.errors import PromptError
from persona_assets.llm.asker import Asker
from persona_assets.llm.usage import Usage
from persona_assets.personas.persona_prompts import load_seed_prompt
from persona_assets.recipes.conversations import make_conversations
from persona_assets.recipes.examine import examine_recipes
from persona_assets.recipes.load import load_recipe, load_recipes
from persona_assets.recipes.make import Workshop, make_items
from persona_assets.recipes.recipe import HUB, Recipe
from persona_assets.records import content_id
from persona_assets.resources import Project
from persona_assets.settings import Settings
from persona_assets.tables import Batch

_PARTNER = "A retired postman who knows every dog of his old round by name."
_NEW = """\
asset: {name}
description: One sentence on what a row is, for the catalogue.
# What of the demonstrations below the model is shown: zero_shot, few_shot or persona_few_shot.
method: persona_few_shot
system: >-
  You write ... for a given person. Say what makes one good, what it must not hold, and how long it is.
user: |-
  {{% if persona %}}
  Person: {{{{ persona | plain }}}}
  {{% endif %}}
  Tone: {{{{ tone_text | plain }}}}
  Part of this person's life: {{{{ facet_text | plain }}}}

  Write it, in the language of the person's description. Answer with a JSON object: {{"title": ..., "text": ...}}
# Drawn for each row, by its id: a column, and the variables `tone` and `tone_text`. A file holds options, too.
draws:
  tone:
    plain: {{weight: 2, text: "plain and short"}}
    warm: {{weight: 1, text: "warm, with a detail of the person's day"}}
  facet: draws/facets.yaml
# Better a dozen, of different people, so that rows do not resemble one; a file beside this one may hold them.
demonstrations:
  - values:
      persona: A lighthouse keeper who repairs clocks in the long nights.
      tone_text: plain and short
      facet_text: the work itself or the daily routine
    answer:
      title: A title as it should be
      text: What a perfect answer looks like, in full.
# How many of them are shown, drawn for each row; `nearest` takes those whose persona is nearest.
shown: 3
choose: random
answer: json
fields:
  title: {{description: A line that names it., max_length: 300}}
  text: {{description: The text., max_length: 8000}}
# Every text is checked for contact data, repetition and more; a check that flags wrongly here can be off.
checks: {{breaks_off: "off"}}
# How a row becomes a training example. Name the asset in prompts/mixes/, too.
sft:
  user: "Write ... with the title {{{{ title }}}}."
  assistant: "{{{{ text }}}}"
temperature: 0.8
max_tokens: 2048
"""


def write_recipe(settings: Settings, console: Console, name: str) -> None:
    """Write a recipe file to start from; PromptError if there is such a recipe, or the name is none."""
    path = settings.prompts / "recipes" / f"{name}.yaml"
    taken = {recipe.content.asset for recipe in load_recipes(path.parent)}
    if path.exists() or name in taken:
        raise PromptError(f"There is a recipe {name} already. Choose another name, or edit the file in {path.parent}.")
    path.write_text(_NEW.format(name=name), encoding="utf-8")
    try:
        load_recipe(path)
    except PromptError:
        path.unlink()
        raise
    say(console, f"Wrote {path}. Edit it, then:")
    say(console, "  persona-assets recipe check")
    say(console, f'  persona-assets recipe try {name} --persona "A nurse who plays chess."')
    say(console, f"and name {name} in a mix of {settings.prompts / 'mixes'}.")


def check_recipes(settings: Settings, console: Console) -> None:
    """Examine every recipe file; PromptError listing all that is wrong, each with file and line."""
    folder = settings.prompts / "recipes"
    problems = examine_recipes(folder)
    if problems:
        raise PromptError("Recipes are wrong.\n" + "\n".join(f"  {problem}" for problem in problems))
    names = ", ".join(recipe.content.asset for recipe in load_recipes(folder))
    say(console, f"All is well: {names}.")


def try_recipe(settings: Settings, console: Console, name: str, persona: str) -> None:
    """Make one row of a recipe, and first those that it reads, and show what came and what was refused."""
    recipes = {recipe.content.asset: recipe for recipe in load_recipes(settings.prompts / "recipes")}
    recipes |= {recipe.name: recipe for recipe in recipes.values()}
    if name not in recipes:
        raise PromptError(f"There is no recipe {name}; there are {', '.join(sorted(recipes))}.")
    chain = [recipes[name]]
    while chain[0].content.reads != HUB:
        chain.insert(0, recipes[chain[0].content.reads])
    project = Project(settings)
    try:
        rows = pl.DataFrame([_describe_persona(persona)])
        for recipe in chain:
            made = asyncio.run(_make_row(project, recipe, rows))
            _print(console, recipe, made)
            if made.rows.is_empty():
                return
            rows = made.rows.head(1)
    finally:
        project.close()


def _describe_persona(persona: str) -> dict[str, Any]:
    persona_id = content_id("per", persona)
    return {
        "persona_id": persona_id, "persona": persona, "language": "und", "round": 0, "parent_id": None,
        "root_id": persona_id, "relation": None, "doc_id": None, "license": "unknown", "flags": [], "response_keys": [],
    }  # fmt: skip


async def _make_row(project: Project, recipe: Recipe, rows: pl.DataFrame) -> Batch:
    settings = project.settings.task(recipe.content.asset)
    client = project.open_client(settings, Usage())
    partners = pl.DataFrame({"persona_id": [content_id("per", _PARTNER)], "persona": [_PARTNER]})
    workshop = Workshop(
        load_seed_prompt(project.settings.prompts), project.open_meter().compare, project.settings.sandbox, partners
    )
    make = make_conversations if recipe.content.conversation else make_items
    try:
        defaults, checks = project.settings.defaults, project.settings.row_checks()
        asker = Asker(client, recipe, recipe.content.asset, "try", settings, defaults, checks)
        batches = [batch async for batch in make(asker, rows.lazy(), workshop)]
    finally:
        await client.close()
    total = Accounting()
    for batch in batches:
        total.add(batch.accounting)
    return Batch(pl.concat([one.rows for one in batches]), pl.concat([one.quarantined for one in batches]), total)


def _print(console: Console, recipe: Recipe, made: Batch) -> None:
    console.print(f"\n[bold]{recipe.content.asset}[/]")
    for row in made.rows.iter_rows(named=True):
        for column, value in row.items():
            if column not in {"item_id", "persona_id", "persona", "source_item_id", "response_keys", "partner_id"}:
                _print_value(console, column, value)
    for refusal in made.quarantined.iter_rows(named=True):
        say(console, f"  refused, {refusal['reason']}: {refusal['detail'] or ''}")
        say(console, f"    {' '.join(refusal['raw'].split())[:400]}")
    if made.rows.is_empty() and made.quarantined.is_empty():
        say(console, f"  no reply: {dict(made.accounting.refused)}")


def _print_value(console: Console, column: str, value: Any) -> None:
    if column == "flags":
        if value:
            say(console, f"  flagged: {', '.join(value)}")
    elif column == "turns":
        for turn in value:
            say(console, f"  {turn['role']}: {turn['content']}")
    else:
        say(console, f"  {column}: {value}")
