"""What the hub, characters, dialogues and a recipe's rows look like in the UI, each as a set."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from persona_assets.assets.pictures import Picture
from persona_assets.assets.preview import show_value
from persona_assets.characters.statistics import Balance, measure_balance, measure_dialogues
from persona_assets.characters.suggestions import measure_kept
from persona_assets.dedup.match import STAGES
from persona_assets.dedup.portrait import Portrait, place_personas
from persona_assets.dedup.statistics import count_rounds
from persona_assets.evaluation.quality import Quality
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


_BARS = 10


def describe_characters(profiles: pl.LazyFrame, suggestions: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """The metadata of a shard's characters; none of an empty table.

    Args:
        suggestions: what was suggested of them: by attribute, values and weights.
    """
    balance = measure_balance(profiles)
    if not balance.characters:
        return {}
    return {
        "most_frequent_name": balance.share(balance.given_names),
        "most_frequent_country": balance.share(balance.countries),
        "most_frequent_gender": balance.share(balance.genders),
        "same_name": balance.same_name,
        **{f"suggested_{name}_kept": share for name, share in measure_kept(profiles, suggestions).items()},
        "balance": Picture("names, countries, genders and ages", partial(_draw, balance)),
    }


def describe_dialogues(dialogues: pl.LazyFrame) -> dict[str, Any]:
    """The metadata of a shard's dialogues; none of an empty table."""
    measures = measure_dialogues(dialogues)
    if not measures.dialogues:
        return {}
    return {
        "mean_turns": measures.turns,
        "speaking_characters": measures.characters,
        "median_answer_chars": measures.median_chars,
        "compared_characters": measures.pairs,
        "overlap_between_characters": measures.overlap,
    }


def _draw(balance: Balance) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    panels: Mapping[str, Mapping[Any, int]] = {
        "given name": balance.given_names,
        "country": balance.countries,
        "gender": balance.genders,
        "age": balance.ages,
    }
    for axes, (title, counts) in zip(figure.subplots(2, 2).flat, panels.items(), strict=True):
        shown = list(counts.items())[:_BARS]
        axes.barh([str(name) for name, _ in shown], [count for _, count in shown], color="#4c72b0")
        axes.invert_yaxis()
        axes.set_title(title)
    return figure


_SIMILARITY = "Similarity of rows by that of their personas"
_SHOWN = (
    ("valid", "share of the replies that passed the checks"),
    ("refused", "share of the replies in which the model declined"),
    ("median_chars", "characters of a row"),
    ("distinct_1", "different words of all words"),
    ("distinct_2", "different pairs of words of all pairs"),
    ("compression", "characters a byte of the compressed texts"),
    ("vendi", "effective number of different rows"),
    ("near_duplicates", "share of the rows to which another one is nearly the same"),
    ("persona_match", "share of the rows nearer to their own persona than to nine others"),
)


def describe_quality(quality: Quality) -> dict[str, Any]:
    """The metadata: numbers that the UI plots over the runs, a table with languages, and a picture."""
    if not quality.sampled:
        return {}
    lines = ["| measure | | meaning |", "|---|---|---|", f"| sampled | {quality.sampled} | rows looked at |"]
    lines += [f"| {name} | {getattr(quality, name):.3g} | {meaning} |" for name, meaning in _SHOWN]
    lines += [
        f"| {name}_match | {share:.3g} | share of the rows nearer to the {name} drawn for them than to any other |"
        for name, share in quality.constraint_match.items()
    ]
    languages = ", ".join(f"{language} {count}" for language, count in quality.languages.items())
    lines.append(f"| languages | {languages} | rows by language |")
    metadata: dict[str, Any] = {
        "distinct_2": quality.distinct_2,
        "near_duplicates": quality.near_duplicates,
        "persona_match": quality.persona_match,
        "valid": quality.valid,
        "vendi": quality.vendi,
        "quality": dg.MetadataValue.md("\n".join(lines)),
    }
    if quality.by_persona.height > 1:
        metadata["similarity_by_persona"] = Picture(_SIMILARITY, partial(_draw_quality, quality))
    return metadata


def _draw_quality(quality: Quality) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4))
    axes = figure.subplots()
    figure.subplots_adjust(left=0.13, right=0.98, bottom=0.12, top=0.98)
    middles = ((quality.by_persona["from"] + quality.by_persona["to"]) / 2).to_list()
    axes.plot([0, 1], [0, 1], color="#999999", linestyle=":", label="as near as their personas")
    axes.plot(middles, quality.by_persona["cosine"].to_list(), "o-", color="#3b6ea5", label="rows")
    axes.set_xlabel("cosine of two personas")
    axes.set_ylabel("mean cosine of their rows")
    axes.legend(fontsize="small")
    return figure
