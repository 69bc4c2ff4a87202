"""What dialogues are like as a set: length, turns, and whether characters differ on the same question."""

from dataclasses import dataclass
from itertools import combinations

import polars as pl

from persona_assets.characters.overlap import share_copied

_PAIRS = 2_000
"""Pairs of answers that are compared at most."""


@dataclass(frozen=True, slots=True)
class DialogueMeasures:
    """Measures of a table of dialogues.

    Attributes:
        pairs: answers of two characters to the same question that were compared.
        overlap: mean share of their words in common runs of five; 1 where every character says the same.
    """

    dialogues: int
    turns: float
    characters: int
    median_chars: float
    pairs: int
    overlap: float


def measure_dialogues(dialogues: pl.LazyFrame) -> DialogueMeasures:
    """Measure a table. `dialogues`: rows of dialogues_r or dialogues_g."""
    rows = dialogues.select("character_id", "instruction_id", "turns", "n_turns").collect()
    answers = pl.col("turns").list.eval(
        pl.element().filter(pl.element().struct["role"] == "assistant").struct["content"]
    )
    spoken = rows.with_columns(answers=answers, first=answers.list.first())
    lengths = spoken["answers"].explode().str.len_chars()
    overlaps: list[float] = []
    for _, same in spoken.group_by("instruction_id", maintain_order=True):
        if same.height > 1 and len(overlaps) < _PAIRS:
            overlaps += [share_copied(one, other) for one, other in combinations(same["first"].to_list(), 2)]
    return DialogueMeasures(
        rows.height,
        float(rows["n_turns"].mean() or 0),  # type: ignore[arg-type]
        rows["character_id"].n_unique(),
        float(lengths.median() or 0),  # type: ignore[arg-type]
        len(overlaps),
        sum(overlaps) / len(overlaps) if overlaps else 0.0,
    )
