"""`persona-assets forget`: a document or persona taken out of everything, with all that was made of it."""

import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing

from rich.console import Console

from persona_assets.commands import make_table, say
from persona_assets.commands.execution import JobReport
from persona_assets.commands.pipeline import DATASET, Pipeline, open_pipeline
from persona_assets.commands.run import RunFailedError
from persona_assets.commands.run_records import TableRecord, delete_runs, list_runs, report_tables
from persona_assets.dedup.hub import rebuild_index
from persona_assets.dedup.published import LakeHub
from persona_assets.embedding.cache import CachedEncoder
from persona_assets.errors import SettingsError
from persona_assets.evaluation.ratings import drop_ratings
from persona_assets.forgetting import (
    HUB_TABLES,
    Plan,
    conclude,
    forget_in_tables,
    list_bought,
    plan_to_forget,
    remember,
)
from persona_assets.llm.ledger_upkeep import has_ledger, open_upkeep
from persona_assets.report import REPORTS_FOLDER
from persona_assets.settings import Settings
from persona_assets.tables import WHOLE


def run_forget(
    settings: Settings, console: Console, document: str | None, persona: str | None, is_confirmed: bool
) -> None:
    """Say what would go, and take it out if that is confirmed.

    Args:
        document: doc_id, the corpus' own id, or address.

    Raises:
        SettingsError: if not exactly one of document and persona is named.
        LakeError: if there is nothing of that name.
        RunFailedError: if a shard of the hub or a release could not be made again; the same command goes on.
    """
    if (document is None) == (persona is None):
        raise SettingsError("forget: name a document (--doc) or a persona (--persona), one of the two.")
    with open_pipeline(settings, console) as pipeline:
        plan = plan_to_forget(pipeline.project, document, persona)
        _print_plan(console, plan)
        if not is_confirmed:
            console.print("Nothing was changed. Give the same command with --yes to take it out for good.")
            return
        _carry_out(pipeline, console, plan)
        _print_end(console, settings, document)


def _carry_out(pipeline: Pipeline, console: Console, plan: Plan) -> None:
    project = pipeline.project
    remember(project, plan)
    mixes = [mix for mix in pipeline.list_mixes() if (project.settings.data / DATASET / mix).is_dir()]
    # What is found by the texts goes first: once they have left the tables, nobody could find it any more.
    project.close()
    responses, encoder = _forget_responses(pipeline, plan), project.encoder
    vectors = encoder.forget(plan.texts) if isinstance(encoder, CachedEncoder) else 0
    runs = _forget_runs(pipeline, plan, mixes)
    drop_ratings(project.settings.data / "ratings", plan.stone.ids)
    # What shows rows is made anew by whoever wants it; one on all shards may show any of them.
    shutil.rmtree(project.settings.data / REPORTS_FOLDER, ignore_errors=True)
    before_hub, after_hub = list_bought(project.lake)
    versions: dict[str, str] = {}
    gone = forget_in_tables(project.lake, plan, before_hub, versions)
    gone |= _decide_again(pipeline, plan, versions)
    gone |= forget_in_tables(project.lake, plan, [*after_hub, "sft_mix"], versions)
    for mix in mixes:
        _require_success(f"release {mix}", pipeline.run_release(mix))
    rebuild_index(project.settings, encoder=project.hub_encoder, published=LakeHub(project.lake))
    _report_tables(pipeline, plan.shards)
    conclude(project, plan)
    _print_gone(console, gone, responses, vectors, runs)


def _forget_runs(pipeline: Pipeline, plan: Plan, mixes: Sequence[str]) -> int:
    """Delete the records of runs that show what goes; tables of other shards are told to Dagster without them."""
    old = list_runs(pipeline.instance, {*plan.shards, *mixes}, plan.texts)
    delete_runs(pipeline.instance, pipeline.project.settings.data / ".dagster", [run_id for run_id, _ in old])
    _report_tables(pipeline, {partition for _, partition in old if partition} - set(plan.shards))
    return len({run_id for run_id, _ in old if run_id})


def _decide_again(pipeline: Pipeline, plan: Plan, versions: dict[str, str]) -> dict[str, int]:
    """Decide the shards of the hub that it touches; whatever was dropped for what goes may be kept now."""
    lake = pipeline.project.lake
    gone = 0
    pipeline.register_shards([shard for shard in plan.shards if shard != WHOLE])
    for shard in plan.shards:
        if not lake.exists("persona_hub", shard):
            continue
        old = {table: lake.info(table, shard).data_version for table in HUB_TABLES}
        kept = set(lake.scan("persona_hub", shard).select("persona_id").collect().to_series())
        _require_success(f"shard {shard}", pipeline.run_shard(shard, HUB_TABLES))
        now = set(lake.scan("persona_hub", shard).select("persona_id").collect().to_series())
        gone += len(kept - now)
        if now == kept - set(plan.stone.ids):
            # Nobody came in its place: what was made of the hub is as it would be made now.
            versions |= {version: lake.info(table, shard).data_version for table, version in old.items()}
    return {"persona_hub": gone}


def _forget_responses(pipeline: Pipeline, plan: Plan) -> int:
    settings = pipeline.project.settings
    # Where rows come of replies, a ledger that is not there lies elsewhere.
    if not plan.keys and not has_ledger(settings.ledger.url, settings.data):
        return 0
    with closing(open_upkeep(settings.ledger.url, settings.data)) as ledger:
        return ledger.forget(map(bytes.fromhex, plan.keys), plan.stone.ids, plan.asked)


def _report_tables(pipeline: Pipeline, shards: Collection[str]) -> None:
    from persona_assets.assets.pictures import show_pictures
    from persona_assets.assets.preview import describe_table

    lake = pipeline.project.lake
    records = []
    for asset in pipeline.list_assets():
        for shard in sorted(shards) if asset.is_partitioned else [WHOLE]:
            if lake.exists(asset.name, shard):
                info = lake.info(asset.name, shard)
                partition = shard if asset.is_partitioned else None
                metadata = show_pictures(describe_table(lake, info), pipeline.project.settings.automation.pictures)
                records.append(TableRecord(asset.name, partition, info.data_version, asset.code_version, metadata))
    report_tables(pipeline.instance, records)


def _require_success(name: str, report: JobReport) -> None:
    if not report.is_success:
        failure = report.failures[0]
        raise RunFailedError(
            f"{name}: {failure.step}: {failure.message} What was to be forgotten is noted and comes in no more, but not"
            " all of it is gone yet: correct the cause, then give the same command again."
        )


def _print_plan(console: Console, plan: Plan) -> None:
    table = make_table("asset", "shard", "rows", names=2)
    for rows in plan.found:
        table.add_row(rows.asset, rows.shard, f"{len(rows.ids):,}")
    console.print(table)
    if plan.undecided:
        shards = ", ".join(plan.undecided)
        say(console, f"Personas were dropped for what goes; these shards are decided again: {shards}.")


def _print_gone(console: Console, gone: Mapping[str, int], responses: int, vectors: int, runs: int) -> None:
    rows = ", ".join(f"{count:,} of {table}" for table, count in gone.items() if count)
    say(
        console,
        f"Gone: {rows or 'no row'}; {responses:,} responses of the ledger, {vectors:,} stored vectors, the records of"
        f" {runs:,} runs. The index and the releases were made anew.",
    )


def _print_end(console: Console, settings: Settings, document: str | None) -> None:
    where = f"The corpus {settings.corpus.path} itself is yours: " if document else ""
    say(
        console,
        f"{where}a tombstone in {settings.data / 'tombstones.jsonl'} keeps it from being taken in again. Releases that"
        " were published before still hold it. `persona-assets status` says what may be made of personas that came"
        " in its place.",
    )
