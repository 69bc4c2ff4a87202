"""What a decision of the hub shows in the UI: pictures of the hub, rounds, and pairs around the thresholds."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from persona_assets.assets.pictures import Picture
from persona_assets.assets.preview import show_value
from persona_assets.dedup.match import STAGES
from persona_assets.dedup.portrait import Portrait, place_personas
from persona_assets.dedup.statistics import count_rounds
from persona_assets.settings import HubSettings

_NEAREST = "Histogram of the cosine to the nearest other persona"
_BINS = 25
_PAIRS = 3


def describe_hub(
    personas: pl.DataFrame, kept: pl.DataFrame, duplicates: pl.DataFrame, portrait: Portrait, settings: HubSettings
) -> dict[str, Any]:
    """The metadata of a decision.

    Args:
        portrait: a sample of the kept ones among all of the hub.

    Returns:
        Counts to plot by stage, and Markdown: rounds, pairs around the thresholds, a histogram and a map.
    """
    stages = dict(duplicates["stage"].value_counts().iter_rows())
    rounds = count_rounds(personas, kept)
    metadata: dict[str, Any] = {f"dropped_{stage}": stages.get(stage, 0) for stage in STAGES}
    metadata["new_by_round"] = dg.MetadataValue.md(_show_rounds(rounds))
    metadata["pairs_around_thresholds"] = dg.MetadataValue.md(_show_pairs(duplicates, portrait.nearest))
    if portrait.nearest.height:
        metadata["median_nearest_cosine"] = float(portrait.nearest["cosine"].median() or 0.0)  # type: ignore[arg-type]
        metadata["nearest_neighbours"] = Picture(
            _NEAREST, partial(_draw_histogram, portrait.nearest["cosine"], settings)
        )
        metadata["map"] = Picture("Map of the hub", partial(_draw_map, portrait))
    return metadata


def _show_rounds(rounds: pl.DataFrame) -> str:
    lines = [f"| {number} | {made} | {kept} | {new:.0%} |" for number, made, kept, new in rounds.iter_rows()]
    return "\n".join(["| round | personas | kept | new |", "|---|---|---|---|", *lines])


def _show_pairs(duplicates: pl.DataFrame, nearest: pl.DataFrame) -> str:
    above = [
        duplicates.filter(pl.col("stage") == stage).sort("score").head(_PAIRS) for stage in ("minhash", "embedding")
    ]
    lines = [
        _show_pair(f"dropped, {row['stage']}", row["score"], row["persona"], row["kept_persona"])
        for row in pl.concat(above).iter_rows(named=True)
    ]
    below = [("kept, Jaccard", "jaccard"), ("kept, cosine", "cosine")]
    lines += [
        _show_pair(name, row[column], row["persona"], row["other"])
        for name, column in below
        for row in nearest.sort(column, descending=True).head(_PAIRS).iter_rows(named=True)
    ]
    return "\n".join(["| | score | persona | beside |", "|---|---|---|---|", *lines])


def _show_pair(name: str, score: float, persona: str, other: str) -> str:
    return f"| {name} | {score:.3f} | {show_value(persona)} | {show_value(other)} |"


def _draw_histogram(cosines: pl.Series, settings: HubSettings) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3), layout="tight")
    axes = figure.subplots()
    axes.hist(cosines.to_numpy(), bins=_BINS, range=(min(0.0, float(cosines.min() or 0)), 1.0), color="#3b6ea5")  # type: ignore[arg-type]
    axes.axvline(settings.cosine, color="#b03a2e", linestyle="--", label=f"threshold {settings.cosine:g}")
    axes.set_xlabel("cosine to the nearest other persona of the hub")
    axes.set_ylabel(f"personas (of {len(cosines)})")
    axes.legend()
    return figure


def _draw_map(portrait: Portrait) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="tight")
    axes, places = figure.subplots(), place_personas(portrait.vectors)
    rounds: Sequence[int] = portrait.nearest["round"].unique().sort().to_list()
    for number in rounds:
        rows = (portrait.nearest["round"] == number).to_numpy()
        across, up = places[rows].T
        axes.scatter(across, up, s=12, label="seeds" if number == 0 else f"round {number}", alpha=0.8)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.legend(fontsize="small")
    return figure
