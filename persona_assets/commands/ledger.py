"""`persona-assets ledger`: what the ledger holds and what was spent; exporting and pruning it."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from persona_assets.commands import make_table, say
from persona_assets.commands.ledger_files import read_entries, write_entries
from persona_assets.errors import LakeError, SettingsError
from persona_assets.lake import Lake
from persona_assets.lineage import list_named_responses
from persona_assets.llm.ledger import open_ledger
from persona_assets.llm.ledger_upkeep import Holding, LedgerUpkeep, Selection, Spending, open_upkeep
from persona_assets.settings import Settings


def print_ledger(settings: Settings, console: Console) -> None:
    """Show size, responses, hits, tokens and spend by model and by asset; ModelError if there is no ledger."""
    with _open(settings) as ledger:
        spending, holdings = ledger.list_spending(), ledger.list_holdings(Selection())
        stored = sum(holding.responses for holding in holdings)
        console.print(f"{ledger.place}: {decimal(ledger.measure())}, {stored:,} responses", soft_wrap=True)
    if not spending:
        return
    console.print(_tabulate("model", spending, holdings, lambda row: row.model))
    console.print()
    console.print(_tabulate("asset", spending, holdings, lambda row: row.asset))
    console.print(f"\nSpent in all: {describe_spend(spending)}")
    if stored < sum(row.calls for row in spending):
        console.print("Calls, tokens and spend count what was pruned since, too.")


def run_export(
    settings: Settings, console: Console, out: Path, model: str | None, asset: str | None, before: datetime | None
) -> None:
    """Write a selection of responses to a file.

    Raises:
        SettingsError: if the ledger has no such model or asset.
        LakeError: if the file cannot be written, or its ending is of no known format.
        ModelError: if there is no ledger, or it cannot be read.
    """
    with _open(settings) as ledger:
        count = write_entries(out, ledger.read_all(_select(ledger, model, asset, before)))
    say(console, f"{out}: {count:,} responses")


def run_import(settings: Settings, console: Console, file: Path) -> None:
    """Put the responses of an export into the ledger, which is made if there is none.

    Raises:
        LakeError: if the file cannot be read; what stands before the line that it names is stored.
        ModelError: if the ledger cannot be opened.
    """
    read, added = import_responses(settings, file)
    say(console, f"{file}: {read:,} responses, {added:,} of them new")


def import_responses(settings: Settings, file: Path) -> tuple[int, int]:
    """Put the responses of an export into the ledger; returns how many were read, and how many of them were new."""
    open_ledger(settings.ledger.url, settings.data).close()
    read = added = 0
    with _open(settings) as ledger:
        for page in read_entries(file):
            read, added = read + len(page), added + ledger.add(page)
    return read, added


def run_prune(
    settings: Settings,
    console: Console,
    model: str | None,
    asset: str | None,
    before: datetime | None,
    unreferenced: bool,
    is_confirmed: bool,
) -> None:
    """Say what would be removed and what it cost, and remove it if that is confirmed.

    Raises:
        SettingsError: if nothing narrows the selection, or the ledger has no such model or asset.
        LakeError: if what its rows name is unknown: a table cannot be read, or there is none.
        ModelError: if there is no ledger, or a run uses it.
    """
    if not unreferenced and (model, asset, before) == (None, None, None):
        raise SettingsError(
            "ledger prune: no filter is given, and the whole ledger would be meant. Give --model, --asset, --before or"
            " --unreferenced."
        )
    lake = Lake(settings.lake)
    if unreferenced and not lake.assets():
        raise LakeError(
            f"ledger prune --unreferenced: the lake {lake.root} has no table, so that every response would go. If it"
            " lies elsewhere, correct paths.lake or paths.data; else take another filter."
        )
    with _open(settings) as ledger:
        selection = _select(ledger, model, asset, before)
        act = ledger.prune if is_confirmed else ledger.list_holdings
        found = act(selection, map(bytes.fromhex, list_named_responses(lake)) if unreferenced else None)
        if not found:
            console.print("Nothing to remove: no response matches.")
            return
        console.print(_tabulate_holdings(found))
        what = f"{sum(row.responses for row in found):,} responses, which cost {describe_spend(found)}"
        if is_confirmed:
            console.print(f"Removed: {what}. The ledger takes {decimal(ledger.measure())} now.", soft_wrap=True)
            return
    scope = f" No table of {lake.root} names them." if unreferenced else ""
    say(
        console,
        f"Would be removed: {what}.{scope} A table that asks for them again pays again, also for candidates that were"
        " not chosen. Give the same command with --yes to remove them.",
    )


def describe_spend(rows: Sequence[Spending | Holding], with_count: bool = True) -> str:
    """Dollars, and beside them the calls of unknown price: they are not taken for nothing."""
    total, unpriced = sum(row.cost for row in rows), sum(row.unpriced for row in rows)
    if not unpriced:
        return f"${total:,.4f}" if total else "$0"
    unknown = f"{unpriced:,} unknown" if with_count else "unknown"
    return f"${total:,.4f} + {unknown}" if total else "unknown"


def _open(settings: Settings) -> closing[LedgerUpkeep]:
    return closing(open_upkeep(settings.ledger.url, settings.data))


def _select(ledger: LedgerUpkeep, model: str | None, asset: str | None, before: datetime | None) -> Selection:
    spending = ledger.list_spending()
    for option, wanted, known in (
        ("--model", model, {row.model for row in spending}),
        ("--asset", asset, {row.asset for row in spending}),
    ):
        if wanted is not None and wanted not in known:
            there = f"It has {', '.join(sorted(known))}." if known else "It is empty."
            raise SettingsError(f"{option} {wanted}: the ledger {ledger.place} has no response of it. {there}")
    return Selection(model, asset, before.replace(tzinfo=UTC) if before else None)


def _tabulate(
    kind: str, spending: Sequence[Spending], holdings: Sequence[Holding], read_name: Callable[[Spending | Holding], str]
) -> Table:
    stored: Counter[str] = Counter()
    for holding in holdings:
        stored[read_name(holding)] += holding.responses
    table = make_table(kind, "stored", "calls", "hits", "tokens in", "out", "spend")
    for name in sorted({read_name(row) for row in spending}):
        rows = [row for row in spending if read_name(row) == name]
        counted = ("calls", "hits", "prompt_tokens", "completion_tokens")
        counts = [stored[name], *(sum(getattr(row, count) for row in rows) for count in counted)]
        table.add_row(name, *(f"{count:,}" for count in counts), describe_spend(rows, with_count=False))
    return table


def _tabulate_holdings(holdings: Sequence[Holding]) -> Table:
    table = make_table("model", "asset", "responses", "size", "spend", names=2)
    for row in holdings:
        table.add_row(
            row.model, row.asset, f"{row.responses:,}", decimal(row.size), describe_spend([row], with_count=False)
        )
    return table
