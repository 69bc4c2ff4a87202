"""A report: one HTML file on one shard or all, with counts, pictures, samples, duplicates, flags, quarantine and spend.

Texts of the web and of models are escaped: nothing in them becomes markup.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from persona_assets.accounting import Accounting
from persona_assets.descendants import list_tables
from persona_assets.figures import encode_figure
from persona_assets.lake import Lake
from persona_assets.llm.ledger_upkeep import Spending, has_ledger, open_upkeep
from persona_assets.settings import Settings
from persona_assets.streamed_file import write_whole
from persona_assets.tables import WHOLE

REPORTS_FOLDER = "reports"
_SAMPLES, _DUPLICATES, _CELL = 3, 12, 600
_TEMPLATE = Path(__file__).with_name("report.html.j2")
_HIDDEN = ("response_keys", "license", "prompt_hash", "model_terms", "granularity")


def write_report(lake: Lake, spend: Sequence[Spending], path: Path, shards: Sequence[str], title: str) -> None:
    """Write a report to an HTML file, which appears whole."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined)
    tables = [name for name in list_tables(lake) if any(_places(lake, name, shards))]
    text = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        title=title,
        chain=[(name, *_account(lake, name, shards)) for name in tables],
        pictures=list(_draw_all(lake, tables, shards)),
        samples=[(name, rows) for name in tables if (rows := _sample(lake, name, shards))],
        duplicates=_list_duplicates(lake, shards),
        flagged=[one for name in tables for one in _list_flagged(lake, name, shards)],
        quarantine=[one for name in tables for one in _list_refused(lake, name, shards)],
        spend=spend,
    )
    write_whole(path, text)


def read_spend(settings: Settings) -> list[Spending]:
    """What was ever spent; nothing where no model was asked yet."""
    if not has_ledger(settings.ledger.url, settings.data):
        return []
    with closing(open_upkeep(settings.ledger.url, settings.data)) as ledger:
        return ledger.list_spending()


def _places(lake: Lake, asset: str, shards: Sequence[str]) -> list[str]:
    return [shard for shard in (*shards, WHOLE) if lake.exists(asset, shard)]


def _account(lake: Lake, asset: str, shards: Sequence[str]) -> tuple[int, Accounting, str]:
    """Rows of an asset in the shards of a report, their account, and the models that were asked."""
    infos = [lake.info(asset, shard) for shard in _places(lake, asset, shards)]
    account = Accounting()
    for info in infos:
        account.add(info.accounting)
    models = sorted({str(model) for info in infos if (model := info.attributes.get("model"))} - {"none"})
    return sum(info.rows for info in infos), account, ", ".join(models)


def _sample(lake: Lake, asset: str, shards: Sequence[str]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for shard in _places(lake, asset, shards):
        table = lake.scan(asset, shard).head(_SAMPLES - len(rows)).collect()
        rows += [(str(next(iter(row.values()))), "\n".join(_describe(row))) for row in table.iter_rows(named=True)]
        if len(rows) >= _SAMPLES:
            break
    return rows


def _describe(row: dict[str, Any]) -> Iterator[str]:
    for name, value in row.items():
        if name in _HIDDEN or name.endswith("_id") or value in (None, []):
            continue
        if name in {"turns", "messages"}:
            yield from (f"{turn['role']}: {_cut(turn['content'])}" for turn in value)
        else:
            yield f"{name}: {_cut(str(value))}"


def _cut(text: str) -> str:
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def _list_duplicates(lake: Lake, shards: Sequence[str]) -> list[dict[str, Any]]:
    parts = [lake.scan("hub_duplicates", shard) for shard in _places(lake, "hub_duplicates", shards)]
    if not parts:
        return []
    return pl.concat(parts).filter(pl.col("stage") != "exact").sort("score").head(_DUPLICATES).collect().to_dicts()


def _list_flagged(lake: Lake, asset: str, shards: Sequence[str]) -> Iterator[tuple[str, str, int, str]]:
    """The checks that flag rows of an asset, the most frequent first, each with the rows' number and an example."""
    _, account, _ = _account(lake, asset, shards)
    for check, number in sorted(account.flags.items(), key=lambda one: (-one[1], one[0])):
        rows = pl.concat([lake.scan(asset, place) for place in _places(lake, asset, shards)])
        (row,) = rows.filter(pl.col("flags").list.contains(check)).head(1).collect().to_dicts()
        yield asset, check, number, "\n".join(_describe(row))


def _list_refused(lake: Lake, asset: str, shards: Sequence[str]) -> list[tuple[str, str, int, str]]:
    """The reasons in an asset's quarantine, the most frequent first, each with the items' number and an example."""
    parts = [lake.scan_quarantine(asset, shard) for shard in _places(lake, asset, shards)]
    counted = (
        pl.concat(parts)
        .group_by("reason")
        .agg(pl.len(), pl.coalesce("detail", "raw").first().alias("example"))
        .sort("len", "reason", descending=[True, False])
        .collect()
    )
    return [(asset, reason, number, _cut(example or "")) for reason, number, example in counted.iter_rows()]


def _draw_all(lake: Lake, tables: Sequence[str], shards: Sequence[str]) -> Iterator[tuple[str, str]]:
    names = [name for name in tables if name != "source_instructions"]
    yield "Rows of each asset", _draw_bars(names, [_account(lake, name, shards)[0] for name in names])
    hub = [lake.scan("persona_hub", shard) for shard in _places(lake, "persona_hub", shards)]
    if hub:
        for column, title in (("round", "Personas by round, 0 for seeds"), ("language", "Personas by language")):
            counted = pl.concat(hub).group_by(column).len().sort(column).collect()
            yield title, _draw_bars([str(name) for name in counted[column]], counted["len"].to_list())
    mix = [lake.scan("sft_mix", shard) for shard in _places(lake, "sft_mix", shards)]
    if mix:
        lengths = pl.concat(mix).select("task", "n_chars").collect()
        yield "Characters of the assistant's turns", _draw_lengths(lengths)


def _draw_bars(names: Sequence[str], counts: Sequence[int]) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.5 + 0.25 * len(names)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(range(len(names)), counts, color="#4c72b0")
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    return encode_figure(figure)


def _draw_lengths(rows: pl.DataFrame) -> str:
    from matplotlib.figure import Figure

    tasks = sorted(rows["task"].unique())
    figure = Figure(figsize=(7, 1 + 0.3 * len(tasks)), layout="constrained")
    axes = figure.subplots()
    if tasks:
        axes.boxplot(
            [rows.filter(task=task)["n_chars"].to_list() for task in tasks], orientation="horizontal", showfliers=False
        )
        axes.set_yticks(range(1, len(tasks) + 1), tasks)
        axes.invert_yaxis()
    return encode_figure(figure)
