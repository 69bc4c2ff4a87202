"""The rows that a recipe reads, each with what is drawn for it: by ids alone, so the same in every run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from persona_assets.errors import PromptError
from persona_assets.lake import iter_frames
from persona_assets.llm.asker import Asker
from persona_assets.personas.draws import draw_rows
from persona_assets.recipes.draws import Draws, change_draws, describe_draws, draw_labels
from persona_assets.recipes.recipe import HUB, WORLD, RecipeFile


@dataclass(frozen=True, slots=True)
class SourceRow:
    """The row that a recipe reads, a persona or a row of another recipe, with what is drawn for it.

    Attributes:
        sample: number among the rows made from it.
        lot: what else is drawn for it is drawn by this.
        values: what templates and checks get to know: the columns and what was drawn, with its texts.
        shown: answers of the demonstrations that the model was shown.
    """

    columns: Mapping[str, Any]
    sample: int
    lot: str
    drawn: Mapping[str, str]
    values: Mapping[str, Any]
    shown: tuple[str, ...] = ()

    @property
    def item_id(self) -> str | None:
        """Id of the other recipe's row."""
        return self.columns.get("item_id")

    @property
    def row_id(self) -> str:
        """Id for the quarantine."""
        return self.item_id or str(self.columns["persona_id"])

    @property
    def persona(self) -> str:
        """The persona's text."""
        return str(self.columns["persona"])


def iter_sources(asker: Asker[RecipeFile], rows: pl.LazyFrame) -> Iterator[SourceRow]:
    """Give the rows that are asked about, `per_row` times each; PromptError for draws that the recipe lacks."""
    recipe = asker.prompt.content
    draws = _read_draws(asker)
    column = "persona_id" if recipe.reads == HUB else "item_id"
    limited = draw_rows(rows, asker.settings.limit, column, asker.task)
    for frame in iter_frames(limited):
        for columns in frame.iter_rows(named=True):
            for sample in range(recipe.per_row):
                yield draw_source(recipe, draws, columns, sample)


def draw_source(recipe: RecipeFile, draws: Draws, columns: Mapping[str, Any], sample: int) -> SourceRow:
    """Draw what a recipe draws for a row."""
    lot = f"{recipe.asset}|{columns.get('item_id') or columns['persona_id']}|{sample}"
    drawn = draw_labels(lot, draws)
    values: dict[str, Any] = {**columns, **describe_draws(draws, drawn)}
    if recipe.worlds:
        world = recipe.worlds[drawn[WORLD]]
        drawn["world_title"] = world.title
        values[WORLD] = world.model_dump()
    return SourceRow(columns, sample, lot, drawn, values)


def _read_draws(asker: Asker[RecipeFile]) -> Draws:
    recipe, where = asker.prompt.content, f"tasks.{asker.task}."
    try:
        draws = change_draws(recipe.all_draws, asker.settings.draws)
    except ValueError as error:
        raise PromptError(f"{where}{error}. Correct it in pipeline.toml.") from None
    strange = ", ".join(set(draws.get(WORLD, ())) - set(recipe.worlds)) if recipe.worlds else ""
    if strange:
        there = ", ".join(sorted(recipe.worlds))
        raise PromptError(
            f"{where}draws.{WORLD}: there is no world {strange}; there are {there}. Correct pipeline.toml."
        )
    return draws
