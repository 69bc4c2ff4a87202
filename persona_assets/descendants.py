"""What was made of a row: lineage downwards, from a document or persona to the examples of every shard.

The tables are gone through in the order in which they are made, and a row belongs to it when one of its columns names
a row that does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from persona_assets.lake import Lake
from persona_assets.tables import WHOLE

_REFERENCES = (
    "doc_id", "root_id", "parent_id", "persona_id", "partner_id", "character_id", "instruction_id", "source_item_id",
    "source_row_id",
)  # fmt: skip
_FIRST = ("web_text", "source_instructions", "seed_personas", "expanded_personas", "persona_hub", "hub_duplicates")
_CHARACTERS = ("character_profiles", "dialogues_r")
# Recipes read the hub and each other alone, and dialogues_g what the recipe of instructions has personas ask.
_LAST = ("dialogues_g", "sft_mix")
_ROUNDS = 7
"""Six rounds of expansion, and one that finds nothing more."""


@dataclass(frozen=True, slots=True)
class Descendants:
    """Rows of one table that come from what was asked for, or are it. `ids`: their ids, in the table's order."""

    asset: str
    shard: str
    ids: Sequence[str]


def list_tables(lake: Lake) -> list[str]:
    """The assets of a lake in an order in which each comes after what it is made of, recipes among them."""
    there = set(lake.assets())
    recipes = sorted(there - {*_FIRST, *_CHARACTERS, *_LAST})
    return [name for name in (*_FIRST, *_CHARACTERS, *_order_recipes(lake, recipes), *_LAST) if name in there]


def find_descendants(lake: Lake, ids: Iterable[str]) -> list[Descendants]:
    """Find everything that was made of some rows, and the rows themselves.

    Args:
        lake: the tables; ids are hashes of content, so a document that stands in two shards is found in both.

    Returns:
        What was found, shard by shard in the tables' order; empty if no table has any of the ids.
    """
    tables = list_tables(lake)
    shards = sorted({shard for table in tables for shard in lake.shards(table)} - {WHOLE})
    wanted = set(ids)
    # Sessions belong to no shard and to all of them.
    whole = [found for table in tables if lake.exists(table) and (found := _find(lake, table, WHOLE, wanted))]
    return [*whole, *(found for shard in shards for found in _find_in_shard(lake, tables, shard, wanted))]


def _find_in_shard(lake: Lake, tables: Sequence[str], shard: str, wanted: set[str]) -> list[Descendants]:
    known = set(wanted)
    found: list[Descendants] = []
    for table in tables:
        if not lake.exists(table, shard):
            continue
        rows: Descendants | None = None
        # Of a chain of personas each round finds the next link; other tables name rows of other tables alone.
        for _ in range(_ROUNDS):
            before = len(known)
            rows = _find(lake, table, shard, known)
            known |= set(rows.ids if rows else ())
            if len(known) == before:
                break
        if rows:
            found.append(rows)
    return found


def _find(lake: Lake, table: str, shard: str, known: set[str]) -> Descendants | None:
    rows = lake.scan(table, shard)
    columns = list(rows.collect_schema())
    own = columns[0]
    ids = rows.filter(select_related(columns, known)).select(own).collect().to_series().to_list()
    return Descendants(table, shard, ids) if ids else None


def select_related(columns: Sequence[str], ids: Iterable[str]) -> pl.Expr:
    """The rows of a table that are among some rows, or name one of them.

    Args:
        columns: of the table; the first is its id.
    """
    names = pl.Series(sorted(ids), dtype=pl.String).implode()
    related = [pl.col(name).is_in(names) for name in columns if name == columns[0] or name in _REFERENCES]
    return pl.any_horizontal(related).fill_null(value=False)


def _order_recipes(lake: Lake, recipes: Sequence[str]) -> list[str]:
    reads: Mapping[str, set[str]] = {
        name: {
            source
            for shard in lake.shards(name)[:1]
            for source in lake.info(name, shard).attributes.get("inputs", {})
            if source in recipes
        }
        for name in recipes
    }
    ordered: list[str] = []
    while len(ordered) < len(recipes):
        ready = [name for name in recipes if name not in ordered and reads[name] <= set(ordered)]
        ordered += ready or [name for name in recipes if name not in ordered]
    return ordered
