"""What a materialisation shows in the UI: sample rows, the accounting, calls and spend."""

import itertools
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from persona_assets.accounting import Accounting
from persona_assets.assets.overview import draw_overview
from persona_assets.assets.pictures import Picture
from persona_assets.dedup.match import STAGES
from persona_assets.dedup.violations import ViolationSample
from persona_assets.lake import Lake
from persona_assets.llm.usage import Usage
from persona_assets.tables import TableInfo

_OVERVIEW = "Yield, spend, lengths, languages and rounds of this table"
_ROWS = 5
_CELL = 240
_NARROWER = (120, 80, 40)
_LIST = 300
_TURN = 80
# The UI shows shorter Markdown in place, and longer behind a click.
_SHOWN = 1000
_MARKUP = re.compile(r"[\\`*_~<>&\[\]#|]")
_TIERS = ("clean", "repaired", "asked_again", "malformed")
_HIDDEN = {"response_keys", "license", "source", "prompt_hash"}


def describe_table(lake: Lake, info: TableInfo, usage: Usage | None = None) -> dict[str, Any]:
    """The metadata of a published table, with what its calls cost if a model was asked, and a picture to draw."""
    counts = info.accounting
    rows = lake.scan(info.asset, info.shard)
    row_count = "dagster/row_count" if info.shard == "all" else "dagster/partition_row_count"
    return {
        row_count: info.rows,
        "preview": dg.MetadataValue.md(preview_rows(rows)),
        "overview": Picture(_OVERVIEW, partial(draw_overview, rows, counts, usage)),
        "accounting": dg.MetadataValue.md(describe_accounting(counts)),
        "planned": counts.planned,
        "answered": counts.answered,
        "refused": counts.refused.total(),
        "skipped": counts.skipped.total(),
        "parsed": counts.parsed,
        "dropped": counts.dropped.total(),
        "quarantined": counts.quarantined.total(),
        "flagged": counts.flagged,
        **describe_answers(counts),
        "path": dg.MetadataValue.path(info.path),
    }


def describe_answers(counts: Accounting) -> dict[str, Any]:
    """The metadata of how JSON answers came about: the counts, and rates to plot; nothing where none was asked for."""
    if not counts.formats:
        return {}
    answers, replies = counts.tiers.total(), counts.formats.total()
    rates = {f"{tier}_rate": counts.tiers[tier] / max(answers, 1) for tier in _TIERS}
    return {
        "structured_output": dg.MetadataValue.md(
            "\n".join(
                [
                    "| | count | of which |",
                    "|---|---|---|",
                    f"| answers, as they were read | {answers} | {_list(counts.tiers)} |",
                    f"| replies, as JSON was asked for | {replies} | {_list(counts.formats)} |",
                ]
            )
        ),
        **rates,
        "schema_rate": counts.formats["schema"] / replies,
    }


def describe_usage(usage: Usage, model: str) -> dict[str, Any]:
    """The metadata of what a model-backed asset cost."""
    cost: Any = "unknown" if usage.unpriced else round(usage.cost, 6)
    return {
        "model": model,
        "calls": usage.calls,
        "cached_calls": usage.cached,
        "retries": usage.retries,
        "throttled": usage.throttled,
        "concurrency": usage.concurrency,
        "concurrency_limit": usage.limit,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost_usd": cost,
        **({} if usage.budget_left is None else {"budget_left_usd": round(usage.budget_left, 6)}),
    }


def preview_rows(table: pl.LazyFrame) -> str:
    """The first rows as a Markdown list: what fits into the length that the UI shows without a click, and at least one.

    Texts are shortened and cannot bring markup of their own; empty values and links to other tables are left out.
    """
    found = table.head(_ROWS).collect().to_dicts()
    # Of rows of many columns, less of each value is shown.
    cells = (cell for cell in (_CELL, *_NARROWER) if not found or len(_show_row(found[0], cell)) < _SHOWN)
    cell = next(cells, _NARROWER[-1])
    rows = [_show_row(row, cell) for row in found]
    lengths = itertools.accumulate(len(row) + 1 for row in rows)
    fitting = sum(length < _SHOWN for length in lengths)
    return "\n".join(rows[: max(fitting, 1)]) or "_No rows._"


def describe_accounting(counts: Accounting) -> str:
    """The two equations with their reasons, and the flags of the rows, as Markdown."""
    return "\n".join(
        [
            "| | count | reasons |",
            "|---|---|---|",
            f"| planned | {counts.planned} | |",
            f"| answered | {counts.answered} | |",
            f"| refused | {counts.refused.total()} | {_list(counts.refused)} |",
            f"| skipped | {counts.skipped.total()} | {_list(counts.skipped)} |",
            f"| parsed | {counts.parsed} | |",
            f"| rows | {counts.rows} | |",
            f"| of them flagged | {counts.flagged} | {_list(counts.flags)} |",
            f"| dropped | {counts.dropped.total()} | {_list(counts.dropped)} |",
            f"| quarantined | {counts.quarantined.total()} | {_list(counts.quarantined)} |",
        ]
    )


def describe_stages(counts: pl.DataFrame) -> str:
    """What each stage of the hub's rule dropped of those it judged (`count_verdicts`), by language, as Markdown."""
    stages = [pl.format("{} of {}", f"dropped_{stage}", f"judged_{stage}").alias(stage) for stage in STAGES]
    table = counts.select("language", "rows", "kept", *stages, pl.col("lexical_only").alias("lexical only"))
    header = "| " + " | ".join(table.columns) + " |\n|" + "---|" * table.width
    return "\n".join([header, *("| " + " | ".join(map(str, row)) + " |" for row in table.iter_rows())])


def describe_search(sample: ViolationSample | None) -> dict[str, Any]:
    """The metadata of how the established hub was searched, and how often that broke the rule.

    Args:
        sample: what was searched again; none where every search compared all rows, which breaks it never.
    """
    found = sample or ViolationSample(0, 0)
    return {
        "search": "approximate" if sample else "exhaustive",
        "sampled_rows": found.rows,
        "violations": found.violations,
        "violation_rate": found.rate,
    }


def _list(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))


def _show_row(row: Mapping[str, Any], cell: int) -> str:
    """The row's own id, then a line for each value: a table's columns would be a word wide beside the ids."""
    key, *names = [name for name in row if name not in _HIDDEN]
    shown = [name for name in names if not name.endswith("_id") and row[name] not in (None, "", [])]
    return "\n".join(
        [f"- **{show_value(row[key])}**", *(f"  - {name}: {show_value(row[name], cell)}" for name in shown)]
    )


def show_value(value: Any, cell: int = _CELL) -> str:
    """A value as Markdown that shows it as it is, on one line and shortened: text from the web and from models."""
    if isinstance(value, list):
        shown = _shorten(_show_list(list(map(_show_member, value))), _LIST if cell == _CELL else cell)
    else:
        shown = _shorten(_show_member(value), cell)
    return _MARKUP.sub(r"\\\g<0>", shown)


def _show_list(members: list[str]) -> str:
    """Of each turn the beginning: a long system prompt leaves room for the answer, a short question gives it more."""
    limit = max(_TURN, _share_room(sorted(map(len, members))))
    return _shorten(" / ".join(_shorten(member, limit) for member in members), _LIST)


def _share_room(lengths: list[int]) -> int:
    left = _LIST - 3 * len(lengths)
    for place, length in enumerate(lengths):
        fair = left // (len(lengths) - place)
        if length > fair:
            return fair
        left -= length
    return _LIST


def _show_member(member: Any) -> str:
    if not isinstance(member, dict):
        return str(member)
    if member.keys() == {"role", "content"}:
        return f"{member['role']}: {member['content']}"
    return ", ".join(f"{name}: {value}" for name, value in member.items())


def _shorten(text: str, limit: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
