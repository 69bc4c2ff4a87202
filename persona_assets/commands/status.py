"""`persona-assets status`: what of the lake is there, what is missing, and what is stale and why."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from persona_assets.commands import say
from persona_assets.commands.pipeline import Pipeline, open_pipeline
from persona_assets.errors import SettingsError
from persona_assets.settings import Settings
from persona_assets.sft.mixes import load_mixes
from persona_assets.sft.shards import choose_shards
from persona_assets.staleness import ReleaseState, TableState, count_gone_kept, examine_release, examine_shard

_MISSING, _FRESH, _STALE = "·", "●", "▲"
_MOST_SHARDS_IN_FULL = 2
_MOST_REASONS = 40
_WIDTH = 80
_STALE_MEANS = """\
Stale: made of other text, prompts or settings than those of now; the demo has
settings of its own. `persona-assets run` makes stale tables anew; what the
ledger holds is not asked again."""


@dataclass(frozen=True, slots=True)
class LakeState:
    """The whole lake.

    Attributes:
        instructions: the table of the instruction sets.
        shards: the tables of each shard, in the order of the assets.
        releases: one a mix.
    """

    instructions: TableState
    shards: dict[str, list[TableState]]
    releases: Sequence[ReleaseState]

    @property
    def is_stale(self) -> bool:
        """Whether anything that is there is stale."""
        tables = [self.instructions, *(state for states in self.shards.values() for state in states)]
        return any(state.is_stale for state in tables) or any(release.reasons for release in self.releases)


def examine_lake(pipeline: Pipeline, wanted: Sequence[str]) -> LakeState:
    """Say of every table whether it is there and whether it is stale.

    Args:
        wanted: shards; none for all that the corpus or the lake has.

    Raises:
        SettingsError: for a shard that nobody knows.
        CorpusError: if the corpus folder is missing.
    """
    project, present = pipeline.project, pipeline.describe_present()
    settings, lake = project.settings, project.lake
    corpus = {shard.key: shard for shard in project.discover().shards}
    shards = list(dict.fromkeys([*corpus, *lake.shards("web_text")]))
    unknown = [shard for shard in wanted if shard not in shards]
    if unknown:
        raise SettingsError(f"--shard {unknown[0]}: neither the corpus nor the lake has it. There are {shards[:20]}.")
    gone = count_gone_kept(lake)
    choice = choose_shards(lake, corpus)
    return LakeState(
        pipeline.examine_instructions(),
        {shard: examine_shard(present, shard, corpus.get(shard), gone.get(shard, 0)) for shard in (wanted or shards)},
        [
            examine_release(choice, settings.data / "sft_dataset" / name, name, mix.version)
            for name, mix in load_mixes(settings.prompts / "mixes").items()
        ],
    )


def print_status(settings: Settings, console: Console, wanted: Sequence[str]) -> LakeState:
    """Show the state of the lake. `wanted`: shards; none for all."""
    with open_pipeline(settings, console) as pipeline:
        state = examine_lake(pipeline, wanted)
    say(console, f"Data folder: {settings.data}")
    _print_table(console, state.instructions)
    if len(state.shards) <= _MOST_SHARDS_IN_FULL:
        for shard, tables in state.shards.items():
            console.print(f"[bold]{shard}[/]")
            for table in tables:
                _print_table(console, table)
    else:
        _print_overview(console, state.shards)
    console.print("[bold]Releases[/]")
    for release in state.releases:
        _print_line(console, release.mix, release.examples, release.reasons)
    console.print(f"\n{_FRESH} materialised   {_STALE} stale   {_MISSING} not materialised")
    if state.is_stale:
        say(console, _STALE_MEANS)
    return state


def _print_table(console: Console, state: TableState) -> None:
    _print_line(console, state.asset, state.rows, state.reasons, state.flagged)


def _print_line(console: Console, name: str, rows: int | None, reasons: Sequence[str], flagged: int = 0) -> None:
    symbol = _MISSING if rows is None else _STALE if reasons else _FRESH
    count = "" if rows is None else f"{rows:,} rows"
    head = f"{symbol} {name:<20} {count:>12}  " + (f"{_write_flagged(flagged)}  " if flagged else "")
    _print_wrapped(console, head, "; ".join(reasons), len(head))


def _print_wrapped(console: Console, head: str, text: str, indent: int) -> None:
    lines = textwrap.wrap(text, _WIDTH, initial_indent=head, subsequent_indent=" " * indent) or [head]
    for line in lines:
        say(console, line.rstrip())


def _print_overview(console: Console, shards: dict[str, list[TableState]]) -> None:
    names = [state.asset for state in next(iter(shards.values()))]
    table = Table("shard", *(str(number) for number in range(1, len(names) + 1)), box=None, pad_edge=False)
    for shard, states in shards.items():
        table.add_row(shard, *(_symbol(state) for state in states))
    console.print(table)
    for number, name in enumerate(names, 1):
        column = [states[number - 1] for states in shards.values()]
        done = [state.rows for state in column if state.rows is not None]
        flagged = _write_flagged(sum(state.flagged for state in column))
        counts = f"{len(done):>5} of {len(column):,} shards {sum(done):>12,} rows {flagged:>14}"
        console.print(f"{number:>3} {name:<20} {counts}".rstrip())
    stale = [state for states in shards.values() for state in states if state.is_stale]
    for state in stale[:_MOST_REASONS]:
        _print_wrapped(console, f"{_STALE} {state.shard}, {state.asset}: ", "; ".join(state.reasons), 4)
    if len(stale) > _MOST_REASONS:
        console.print(f"... and {len(stale) - _MOST_REASONS} more; --shard KEY shows those of one shard.")


def _write_flagged(rows: int) -> str:
    return f"{rows:,} flagged" if rows else ""


def _symbol(state: TableState) -> str:
    if state.rows is None:
        return _MISSING
    return _STALE if state.reasons else _FRESH
