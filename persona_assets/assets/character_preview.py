"""What characters and dialogues look like in the UI: how they are distributed, how long, and how alike."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import polars as pl

from persona_assets.assets.pictures import Picture
from persona_assets.characters.balance import Balance, measure_balance
from persona_assets.characters.dialogue_measures import measure_dialogues
from persona_assets.characters.suggestions import measure_kept

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
