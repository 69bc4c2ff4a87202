"""`persona-assets hub`: the vector index made anew, a persona explained, personas found by a text, and counts."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import polars as pl
from rich.console import Console

from persona_assets.commands import make_table, say
from persona_assets.dedup.established import make_spec
from persona_assets.dedup.explain import Explanation, explain_persona
from persona_assets.dedup.hub import rebuild_index
from persona_assets.dedup.near import NearPersona, find_near
from persona_assets.dedup.published import HUB, LakeHub
from persona_assets.dedup.statistics import HubStatistics, count_hub
from persona_assets.embedding.cache import make_encoder, make_hub_encoder
from persona_assets.embedding.encoder import TextEncoder
from persona_assets.errors import LakeError
from persona_assets.index.open import open_index
from persona_assets.index.qdrant import PersonaIndex
from persona_assets.lake import Lake
from persona_assets.settings import Settings

_ABSORBED = 10


def run_rebuild(settings: Settings, console: Console) -> None:
    """Build the index of the hub anew; IndexUnavailableError if the index is down or in use."""
    hub = LakeHub(_open_lake(settings))
    shards = len(hub.contributions())
    if not shards:
        console.print("Nothing to rebuild: no persona_hub is in the lake yet.")
        return
    began = time.monotonic()
    rows = rebuild_index(settings, encoder=make_hub_encoder(settings, make_encoder(settings)), published=hub)
    seconds = time.monotonic() - began
    say(console, f"{_name_place(settings)}: {rows:,} personas of {shards:,} shards, in {seconds:,.0f} s.")


def run_explain(settings: Settings, console: Console, persona_id: str, neighbours: int) -> None:
    """Show why a persona was kept or dropped, and who is nearest to it.

    Raises:
        LakeError: if no table knows the id.
        IndexUnavailableError: if the index is down or in use.
    """
    lake = _open_lake(settings)
    with _open(settings) as (index, encoder):
        found = explain_persona(lake, index, encoder, persona_id, neighbours)
    _print_verdict(console, found)
    if found.origin:
        say(console, "Origin: " + ", ".join(f"{name} {value}" for name, value in found.origin.items()))
    _print_absorbed(console, found.absorbed)
    if found.nearest:
        console.print("\nNearest in the hub:")
        _print_near(console, found.nearest)
    else:
        console.print(
            "\nThe embedding model cannot read this text (embedding.scripts): it is compared lexically alone."
        )


def run_search(
    settings: Settings, console: Console, text: str, limit: int, where: Mapping[str, str | int | None]
) -> None:
    """Show the personas of the hub that are nearest to a text.

    Raises:
        LakeError: if the embedding model cannot read the text.
        IndexUnavailableError: if the index is down or in use.
    """
    chosen = {name: value for name, value in where.items() if value is not None}
    with _open(settings) as (index, encoder):
        if not encoder.readable([text])[0]:
            raise LakeError(
                f"The embedding model {settings.embedding.model} cannot read this text, so nothing can be near to it."
                " Search in a language that it reads, or set a multilingual embedding.model and embedding.scripts."
            )
        found = find_near(index, encoder, text, limit, chosen)
    if found:
        _print_near(console, found)
    else:
        narrowed = " with " * bool(chosen) + ", ".join(f"{name} {value}" for name, value in chosen.items())
        say(console, f"The hub has no persona{narrowed}. `persona-assets hub stats` lists what it has.")


def run_stats(settings: Settings, console: Console) -> None:
    """Show what the hub holds and what was dropped, by shard, round and language."""
    statistics = count_hub(_open_lake(settings))
    if not statistics.shards.height:
        console.print("The hub is empty: materialise persona_hub, for example by `persona-assets run`.")
        return
    with _open(settings) as (index, _):
        points = index.count_all()
    _print_statistics(console, statistics)
    kept = int(statistics.shards["kept"].sum())
    remedy = "" if points == kept else " They differ: `persona-assets hub rebuild` puts it right."
    thresholds = f"thresholds: Jaccard {settings.hub.jaccard:g}, cosine {settings.hub.cosine:g}"
    model = f"model {settings.embedding.model}"
    say(console, f"Index {_name_place(settings)}: {points:,} personas, {model}; {thresholds}.{remedy}")


@contextmanager
def _open(settings: Settings) -> Iterator[tuple[PersonaIndex, TextEncoder]]:
    encoder = make_hub_encoder(settings, make_encoder(settings))
    with open_index(settings, make_spec(encoder, settings.hub.jaccard)) as index:
        yield index, encoder


def _open_lake(settings: Settings) -> Lake:
    return Lake(settings.lake)


def _name_place(settings: Settings) -> str:
    return settings.index.url or str(settings.data / "index")


def _print_verdict(console: Console, found: Explanation) -> None:
    say(console, f"{found.persona_id}, shard {found.shard}:\n  {found.persona}")
    if found.is_kept is None:
        say(console, f"Not decided yet: materialise {HUB} of the shard {found.shard}.")
    elif found.duplicate is None:
        say(console, "Kept: no persona that was kept before it is at or above a threshold.")
    else:
        row = found.duplicate
        stage = f"{row['stage']} ({row['score']:.4f})"
        say(console, f"Dropped at the stage {stage}, as a duplicate of {row['kept_id']}:")
        say(console, f"  {row['kept_persona']}")
    if found.is_stale:
        say(
            console,
            f"That one has left the hub since: materialise {HUB} of the shard {found.shard} again to decide anew.",
        )


def _print_absorbed(console: Console, absorbed: pl.DataFrame) -> None:
    if not absorbed.height:
        return
    say(console, f"\n{absorbed.height:,} personas were dropped for its sake:")
    for row in absorbed.head(_ABSORBED).iter_rows(named=True):
        say(console, f"{row['stage']} {row['score']:.4f}  {row['persona_id']}  shard {row['shard']}")
        say(console, f"  {row['persona']}")


def _print_near(console: Console, near: Sequence[NearPersona]) -> None:
    for one in near:
        persona = one.neighbour
        facts = [("shard", persona.shard), ("round", persona.round), ("language", persona.language)]
        origin = "  ".join(f"{name} {value}" for name, value in facts if value is not None)
        say(console, f"cosine {persona.score:.4f}  Jaccard {one.jaccard:.4f}  {persona.persona_id}  {origin}")
        say(console, f"  {persona.persona}")


def _print_statistics(console: Console, statistics: HubStatistics) -> None:
    for frame in (statistics.shards, statistics.rounds, statistics.languages):
        table = make_table(*frame.columns)
        for row in frame.iter_rows():
            table.add_row(*map(_format, row))
        console.print(table)
        console.print()


def _format(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.1%}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
