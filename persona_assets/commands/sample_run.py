"""A run of a part of a shard, for what it shows of the whole: its tables are thrown away, its responses stay."""

import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import sqlalchemy as sa
from rich.console import Console

from persona_assets.accounting import Accounting
from persona_assets.commands.execution import JobReport
from persona_assets.commands.pipeline import INSTRUCTIONS, open_pipeline
from persona_assets.errors import PersonaAssetsError
from persona_assets.forecast import Flow, Rates
from persona_assets.lake import Lake
from persona_assets.llm import price_table
from persona_assets.llm.client import asks_in_batches
from persona_assets.llm.ledger import LEDGER_FILE
from persona_assets.llm.usage import Usage
from persona_assets.progress import Reporter
from persona_assets.records import QUARANTINE_COLUMNS, SeedPersonas, WebText, polars_schema
from persona_assets.settings import BatchSettings, Settings
from persona_assets.tables import Batch


class SampleFailedError(PersonaAssetsError):
    """The sample could not be run to its end."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a sample showed.

    Attributes:
        rates: by asset, of those that had a task.
        spent: US dollars that it cost, as far as prices are known.
    """

    rates: dict[str, Rates]
    flow: Flow
    spent: float
    calls: int


@dataclass(slots=True)
class Recorder(Reporter):
    """Passes progress on and keeps what each asset came to, over all shards."""

    inner: Reporter
    accounts: dict[str, Accounting] = field(default_factory=dict)
    usages: dict[str, list[Usage]] = field(default_factory=dict)

    def start(self, asset: str, shard: str, planned: int | None) -> None:
        """Pass it on."""
        self.inner.start(asset, shard, planned)

    def update(self, asset: str, accounting: Accounting, usage: Usage | None) -> None:
        """Pass it on."""
        self.inner.update(asset, accounting, usage)

    def finish(self, asset: str, accounting: Accounting, usage: Usage | None) -> None:
        """Keep it and pass it on."""
        self.inner.finish(asset, accounting, usage)
        if usage is not None:
            self.accounts.setdefault(asset, Accounting()).add(accounting)
            self.usages.setdefault(asset, []).append(usage)


def run_sample(settings: Settings, console: Console, shards: Sequence[str], number: int, seed: int) -> Sample:
    """Run some rows of each shard end to end, on the project's own ledger.

    Args:
        settings: of the project; web_text and the instruction sets must be in its lake.
        number: documents (or personas of a persona file) of each shard.

    Raises:
        SampleFailedError: if a model could not be asked, or the budget ended it.
    """
    with _open_copy(settings) as copy, open_pipeline(copy, console, Recorder) as pipeline:
        recorder = pipeline.project.reporter
        assert isinstance(recorder, Recorder)  # noqa: S101 - it was wrapped so
        whole, part = Lake(settings.lake), pipeline.project.lake
        pipeline.register_shards(shards)
        part.copy_from(whole, INSTRUCTIONS)
        for shard in shards:
            given = _write_part(whole, part, shard, number, seed)
            assets = [asset.name for asset in pipeline.list_assets() if asset.is_partitioned]
            report = pipeline.run_shard(shard, [name for name in assets if name not in {*given, "sft_mix"}])
            _raise_failure(shard, report)
        usages = [usage for each in recorder.usages.values() for usage in each]
        return Sample(
            {asset: rates for asset in recorder.usages if (rates := _measure(recorder, asset, settings)) is not None},
            measure_flow(part, shards),
            sum(usage.cost for usage in usages),
            sum(usage.calls for usage in usages),
        )


def measure_flow(lake: Lake, shards: Sequence[str]) -> Flow:
    """Measure, over tables that are there, which rows go on to the next asset."""
    counts = dict.fromkeys(("seed_personas", "expanded_personas", "persona_hub"), 0)
    new = 0
    for shard in shards:
        if not all(lake.exists(asset, shard) for asset in counts):
            continue
        for asset in counts:
            counts[asset] += lake.info(asset, shard).rows
        new += lake.scan("expanded_personas", shard).select(pl.col("is_new").sum()).collect().item()
    seeds, expanded, kept = counts.values()
    return Flow(new / expanded if expanded else 1.0, kept / (seeds + expanded) if seeds + expanded else 1.0)


def _raise_failure(shard: str, report: JobReport) -> None:
    # A check may fail on so few rows: what comes after it is then not measured.
    is_check = any(check.blocking for check in report.failed_checks)
    for failure in report.failures:
        if failure.ends_everything or not is_check:
            raise SampleFailedError(f"The sample of shard {shard} stopped at {failure.step}. {failure.message}")


def _measure(recorder: Recorder, asset: str, settings: Settings) -> Rates | None:
    account, usages = recorder.accounts[asset], recorder.usages[asset]
    calls = sum(usage.calls + usage.cached for usage in usages)
    asked = account.planned
    if not asked or not calls:
        return None
    is_priced = not any(usage.unpriced for usage in usages)
    # The sample is asked at once, at list price, and the whole shard perhaps in batches.
    share = price_table.BATCH_SHARE if asks_in_batches(settings.batch, settings.task(asset)) else 1.0
    return Rates(
        account.rows / asked,
        calls / asked,
        sum(usage.prompt_tokens + usage.stored_prompt_tokens for usage in usages) / calls,
        sum(usage.completion_tokens + usage.stored_completion_tokens for usage in usages) / calls,
        share * sum(usage.cost + usage.stored_cost for usage in usages) / calls if is_priced else None,
        "sample",
    )


@contextmanager
def _open_copy(settings: Settings) -> Iterator[Settings]:
    """The project with a data folder of its own, which is removed at the end, and its own ledger still."""
    ledger = settings.ledger.url or sa.URL.create("sqlite", database=str(settings.data / LEDGER_FILE))
    url = ledger if isinstance(ledger, str) else ledger.render_as_string(hide_password=False)
    with tempfile.TemporaryDirectory(prefix=".sample-", dir=settings.data) as folder:
        paths = settings.paths.model_copy(update={"data": Path(folder), "lake": None})
        yield settings.model_copy(
            update={
                "paths": paths,
                "ledger": settings.ledger.model_copy(update={"url": url}),
                "index": settings.index.model_copy(update={"url": None}),
                # Whoever asks for a forecast does not wait for a day.
                "batch": BatchSettings(),
                "tasks": {name: task.model_copy(update={"batch": None}) for name, task in settings.tasks.items()},
            }
        )


def _write_part(whole: Lake, part: Lake, shard: str, number: int, seed: int) -> list[str]:
    """Put some rows of a shard's first table into the other lake; returns the assets that are there then."""
    has_texts = whole.info("web_text", shard).rows > 0
    asset, record = ("web_text", WebText) if has_texts else ("seed_personas", SeedPersonas)
    schema, attributes = polars_schema(record), whole.info(asset, shard).attributes
    frame = whole.scan(asset, shard).collect()
    rows = frame[sorted(random.Random(seed).sample(range(frame.height), min(number, frame.height)))]
    account = Accounting.of_rows(rows.height, rows.height, {}, {})
    part.write(asset, shard, schema, [Batch(rows, pl.DataFrame(schema=QUARANTINE_COLUMNS), account)], **attributes)
    if not has_texts:
        part.copy_from(whole, "web_text", shard)
    return ["web_text"] if has_texts else ["web_text", "seed_personas"]
