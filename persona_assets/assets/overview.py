"""One picture of every table: where its items went, the spend, and its rows by length, language and round."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from persona_assets.accounting import Accounting
from persona_assets.llm.usage import Usage

_BLUE, _RED, _GREY, _YELLOW = "#3b6ea5", "#b03a2e", "#8a8f98", "#c99a2e"
_BARS = 8
_BINS = 24
_LANGUAGES = 5
_WIDTH, _HEIGHT = 3.4, 2.6
_NO_TEXT = ("_id", "license", "source", "url", "language", "response_keys")

Panel = Callable[[Any], None]
"""Draws into one pair of axes."""


def draw_overview(rows: pl.LazyFrame, accounting: Accounting, usage: Usage | None) -> Any:
    """Draw a published table.

    Args:
        rows: of the table; only counts and lengths are held in memory.
        usage: what its calls cost; none of a table that asks no model.
    """
    from matplotlib.figure import Figure

    panels = [*_plan_panels(rows, accounting, usage)]
    figure = Figure(figsize=(_WIDTH * len(panels), _HEIGHT))
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        panel(axes)
    # Set by hand: a layout that is computed takes as long as all the rest.
    figure.subplots_adjust(left=0.42 / len(panels), right=0.99, wspace=0.6, bottom=0.2, top=0.88)
    return figure


def _plan_panels(rows: pl.LazyFrame, accounting: Accounting, usage: Usage | None) -> Iterator[Panel]:
    schema = rows.collect_schema()
    yield lambda axes: _draw_yield(axes, accounting)
    if usage is not None:
        yield lambda axes: _draw_spend(axes, usage)
    if not accounting.rows:
        return
    kinds = [name for name in ("round", "language") if name in schema]
    shown = [name for name in ("score", *kinds) if name in schema]
    # The table is read once.
    measured = rows.select(_measure(schema), *shown).collect()
    yield lambda axes: _draw_histogram(axes, measured["characters"], "characters of a row")
    if "score" in schema:
        yield lambda axes: _draw_histogram(axes, measured["score"], "score")
    if kinds:
        yield lambda axes: _draw_kinds(axes, measured.group_by(kinds).len("rows"), kinds)


def _measure(schema: pl.Schema) -> pl.Expr:
    """Characters of all that was written for a row, turns among it."""
    texts = [name for name, kind in schema.items() if kind == pl.String and not name.endswith(_NO_TEXT)]
    lengths = [pl.col(name).str.len_chars().fill_null(0) for name in texts]
    lengths += [
        pl.col(name).list.eval(pl.element().struct.field("content").str.len_chars()).list.sum().fill_null(0)
        for name, kind in schema.items()
        if isinstance(kind, pl.List)
        and isinstance(kind.inner, pl.Struct)
        and "content" in {one.name for one in kind.inner.fields}
    ]
    return pl.sum_horizontal(lengths).alias("characters") if lengths else pl.lit(0).alias("characters")


def _draw_yield(axes: Any, accounting: Accounting) -> None:
    rows = [("rows", accounting.rows, _BLUE)]
    rows += [("of them flagged", accounting.flagged, _YELLOW)] if accounting.flagged else []
    others: list[tuple[str, int, str]] = []
    left = ((accounting.dropped, _GREY), (accounting.skipped, _GREY))
    for counts, color in (*left, (accounting.quarantined, _RED), (accounting.refused, _RED)):
        others += [(reason.replace("_", " "), count, color) for reason, count in counts.most_common(_BARS)]
    shown = [*rows, *sorted(others, key=lambda bar: -bar[1])[: _BARS - len(rows)]]
    _draw_bars(axes, [(name, count) for name, count, _ in shown], [color for _, _, color in shown])
    _write_title(axes, "where every item went")


def _draw_spend(axes: Any, usage: Usage) -> None:
    bars = [
        ("calls sent", usage.calls),
        ("from the ledger", usage.cached),
        ("tries again", usage.retries),
        ("tokens read / 1000", usage.prompt_tokens / 1000),
        ("tokens written / 1000", usage.completion_tokens / 1000),
    ]
    _draw_bars(axes, bars, [_BLUE] * len(bars))
    _write_title(axes, "price unknown" if usage.unpriced else f"spent: ${usage.cost:,.4f}")


def _draw_bars(axes: Any, bars: Sequence[tuple[str, float]], colors: Sequence[str]) -> None:
    drawn = axes.barh(range(len(bars)), [number for _, number in bars], color=colors)
    axes.bar_label(drawn, fmt="{:,.0f}", fontsize=7, padding=2)
    axes.margins(x=0.2)
    _name_bars(axes, [name for name, _ in bars])


def _name_bars(axes: Any, names: Sequence[str]) -> None:
    """Write what each bar is beside it; as ticks the same takes four times as long."""
    axes.invert_yaxis()
    axes.set_axis_off()
    for place, name in enumerate(names):
        axes.annotate(name, (0, place), (-3, 0), textcoords="offset points", ha="right", va="center", fontsize=7)


def _draw_histogram(axes: Any, values: pl.Series, title: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.stairs(*np.histogram(values.to_numpy(), bins=_BINS), fill=True, color=_BLUE)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.tick_params(labelsize=7)
    _write_title(axes, f"{title}, median {float(values.median() or 0):,.4g}")  # type: ignore[arg-type]


def _write_title(axes: Any, title: str) -> None:
    # At a given height: to look for one free of ticks takes a fifth of the drawing.
    axes.set_title(title, fontsize=8, y=1.0)


def _draw_kinds(axes: Any, counted: pl.DataFrame, kinds: Sequence[str]) -> None:
    first, *second = kinds
    places = counted[first].unique().sort().to_list()
    if first == "language":
        places = counted.sort("rows", "language", descending=[True, False])["language"].to_list()[:_BARS]
    left = dict.fromkeys(places, 0)
    for name, part in _split(counted, second):
        numbers = dict(part.group_by(first).agg(pl.col("rows").sum()).iter_rows())
        widths = [numbers.get(place, 0) for place in places]
        axes.barh(range(len(places)), widths, left=[*left.values()], label=name)
        left = {place: left[place] + width for place, width in zip(places, widths, strict=True)}
    for place, number in enumerate(left.values()):
        axes.annotate(f"{number:,}", (number, place), (2, 0), textcoords="offset points", va="center", fontsize=7)
    axes.margins(x=0.2)
    _name_bars(axes, [str(place) for place in places])
    _write_title(axes, " and ".join(f"rows by {kind}" if kind == first else kind for kind in kinds))
    if second and counted[second[0]].n_unique() > 1:
        axes.legend(fontsize=6)


def _split(counted: pl.DataFrame, second: Sequence[str]) -> Iterator[tuple[str, pl.DataFrame]]:
    """The most frequent languages, and the others together."""
    if not second:
        yield "", counted
        return
    (column,) = second
    totals = counted.group_by(column).agg(pl.col("rows").sum()).sort("rows", column, descending=[True, False])
    names = totals[column].to_list()[:_LANGUAGES]
    for name in names:
        yield str(name), counted.filter(pl.col(column) == name)
    others = counted.filter(~pl.col(column).is_in(names))
    if others.height:
        yield "others", others
