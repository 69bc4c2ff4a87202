"""`persona-assets batches`: what providers have under way, collecting what is done, and giving a batch up."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from persona_assets.commands import say
from persona_assets.errors import PersonaAssetsError, SettingsError
from persona_assets.llm.batch_api import BatchApi, UnknownBatchError
from persona_assets.llm.batch_files import collect_batch
from persona_assets.llm.batch_table import BatchTable, OpenBatch
from persona_assets.llm.ledger import Ledger, open_ledger
from persona_assets.settings import Settings


def print_batches(settings: Settings, console: Console) -> None:
    """Show the batches under way, and collect those that have ended; ModelError if the ledger cannot be read."""
    with closing(open_ledger(settings.ledger.url, settings.data)) as ledger:
        found = BatchTable(ledger.engine).list_open()
        if not found:
            console.print("No batch is under way.")
            return
        table = Table(box=None, pad_edge=False)
        for column in ("batch", "model", "requests", "done", "since", "state"):
            table.add_column(column, justify="right" if column in {"requests", "done"} else "left", overflow="fold")
        for batch in found:
            done, state = asyncio.run(_collect(settings, ledger, batch))
            name = batch.batch_id or batch.nonce
            table.add_row(name, batch.model, f"{batch.requests:,}", done, _describe_age(batch), state)
    console.print(table)


def forget_batch(settings: Settings, console: Console, name: str) -> None:
    """Strike a batch out, so that its requests are asked again; SettingsError if no batch is called so."""
    with closing(open_ledger(settings.ledger.url, settings.data)) as ledger:
        table = BatchTable(ledger.engine)
        found = [batch for batch in table.list_open() if name in {batch.batch_id, batch.nonce}]
        if not found:
            raise SettingsError(f"--forget {name}: no such batch is under way. `persona-assets batches` lists them.")
        table.strike(found[0].nonce)
    say(console, f"{name}: forgotten. Its {found[0].requests:,} requests will be asked, and paid for, again.")


async def _collect(settings: Settings, ledger: Ledger, batch: OpenBatch) -> tuple[str, str]:
    """How many requests are done, and what is to be said of it."""
    if batch.batch_id is None:
        return "", "being submitted; the next run sees to it"
    if batch.api_base != (settings.model.api_base or ""):
        return "", f"submitted through {batch.api_base or 'another address'}; set model.api_base to it"
    try:
        api = BatchApi(settings.model.model_copy(update={"name": batch.model}))
        state = await api.look(batch.batch_id)
        if state.status != "ended":
            more = "" if state.status == "open" else "; the next run says more"
            return f"{state.done:,}", f"{state.detail}{more}"
        collected = await collect_batch(api, BatchTable(ledger.engine), batch.nonce, state)
    except UnknownBatchError:
        return "", "not known to the provider; give --forget to ask its requests again"
    except PersonaAssetsError as error:
        return "", str(error)
    missing = batch.requests - len(collected.entries)
    again = f", {missing:,} to be asked again" if missing else ""
    return f"{len(collected.entries):,}", f"{state.detail}: collected{again}"


def _describe_age(batch: OpenBatch) -> str:
    hours, seconds = divmod(int((datetime.now(UTC) - batch.created_at).total_seconds()), 3_600)
    return f"{hours} h {seconds // 60} min" if hours else f"{seconds // 60} min"
