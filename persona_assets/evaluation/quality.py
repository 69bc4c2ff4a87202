"""How good a recipe's rows are as a set: diverse, not repeating each other, each of its own persona.

Measured on a sample. Distinct-n is the share of different n-grams (Li et al., arXiv 1510.03055), the compression ratio
that of zlib (Shaib et al., arXiv 2403.00553), the Vendi score the effective number of different rows (Friedman and
Dieng, arXiv 2210.02410).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from persona_assets.accounting import Accounting
from persona_assets.corpus.language import detect_language
from persona_assets.embedding.encoder import TextEncoder, Vectors
from persona_assets.lake import Lake
from persona_assets.llm.answers import measure_compression, split_words
from persona_assets.recipes.draws import Draws, Option
from persona_assets.recipes.recipe import RecipeFile
from persona_assets.settings import Settings

_STRANGERS: Final = 9
"""Other personas that a row is compared with beside its own; by chance a tenth of the rows is nearest to its own."""

_BINS: Final = np.linspace(-0.1, 1.0, 12)


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured of a table.

    Attributes:
        valid: share of the replies that passed the checks, chosen or not.
        refused: share of the replies in which the model declined.
        distinct_1: different words of all words.
        distinct_2: different pairs of words of all pairs.
        compression: characters a byte of the compressed texts; much above 4 is repetition.
        vendi: effective number of different rows, by embedding; at most the number sampled.
        near_duplicates: share of the rows to which another one is at or above the threshold.
        persona_match: share of the rows that are nearer to their own persona than to nine others.
        constraint_match: of each thing drawn (focus, kind) the share of rows that are nearer to what the prompt said of
            theirs than to any other option.
        by_persona: mean similarity of two rows by that of their personas: from, to, pairs, cosine.
    """

    rows: int
    sampled: int
    valid: float
    refused: float
    median_chars: float
    distinct_1: float
    distinct_2: float
    compression: float
    vendi: float
    near_duplicates: float
    persona_match: float
    constraint_match: dict[str, float]
    languages: dict[str, int]
    by_persona: pl.DataFrame


def measure_quality(
    rows: pl.DataFrame,
    accounting: Accounting,
    encoder: TextEncoder,
    threshold: float,
    sample_rows: int,
    draws: Draws | None = None,
) -> Quality:
    """Measure a table.

    Args:
        rows: persona and text of each row, and what was drawn for it.
        threshold: cosine from which two rows are near duplicates.

    Returns:
        The measures; of an empty table all are 0.
    """
    sample = rows.sample(min(sample_rows, rows.height), seed=0)
    texts, personas = sample["text"].to_list(), sample["persona"].to_list()
    # What was good and not chosen is valid, too.
    good = accounting.rows + accounting.dropped.total()
    parsed = max(1, accounting.parsed)
    vectors = encoder.encode(texts) if texts else np.empty((0, 1), dtype=np.float32)
    of_personas = encoder.encode(personas) if texts else vectors
    words = [split_words(text) for text in texts]
    return Quality(
        rows=rows.height,
        sampled=sample.height,
        valid=good / parsed,
        refused=accounting.quarantined["refusal"] / parsed,
        median_chars=float(sample["text"].str.len_chars().median() or 0),  # type: ignore[arg-type]
        distinct_1=_measure_distinct(words, 1),
        distinct_2=_measure_distinct(words, 2),
        compression=measure_compression("\n".join(texts)),
        vendi=_measure_vendi(vectors),
        near_duplicates=_share_near(vectors, threshold),
        persona_match=_share_matching(vectors, of_personas, personas),
        constraint_match={
            name: _share_drawn(vectors, sample[name].to_list(), options, encoder)
            for name, options in (draws or {}).items()
            if len(options) > 1 and texts
        },
        languages=dict(Counter(map(detect_language, texts)).most_common()),
        by_persona=_compare_with_personas(vectors, of_personas),
    )


def measure_recipe(lake: Lake, encoder: TextEncoder, settings: Settings, recipe: RecipeFile, shard: str) -> Quality:
    """Measure a recipe's table of one shard, by the settings."""
    rows = lake.scan(recipe.asset, shard).select("persona", *recipe.draws, text=recipe.text_expression()).collect()
    account = lake.info(recipe.asset, shard).accounting
    return measure_quality(rows, account, encoder, settings.hub.cosine, settings.quality.sample_rows, recipe.draws)


def _measure_distinct(texts: list[list[str]], length: int) -> float:
    grams = [gram for words in texts for gram in zip(*(words[start:] for start in range(length)), strict=False)]
    return len(set(grams)) / len(grams) if grams else 0.0


def _measure_vendi(vectors: Vectors) -> float:
    if not len(vectors):
        return 0.0
    # Of two products with the same eigenvalues, but for zeros, the smaller one.
    wide = vectors if len(vectors) < vectors.shape[1] else vectors.T
    values = np.linalg.eigvalsh(wide.astype(np.float64) @ wide.T / len(vectors))
    values = values[values > 1e-12]
    return float(np.exp(-np.sum(values * np.log(values))))


def _share_near(vectors: Vectors, threshold: float) -> float:
    if len(vectors) < 2:
        return 0.0
    products = vectors @ vectors.T
    np.fill_diagonal(products, -1.0)
    return float((products.max(axis=1) >= threshold).mean())


def _share_matching(vectors: Vectors, of_personas: Vectors, personas: list[str]) -> float:
    n = len(vectors)
    if n <= _STRANGERS:
        return 0.0
    own = np.einsum("ij,ij->i", vectors, of_personas)
    # Rolled, so that each row meets nine others; a stranger with the very same persona is none.
    beaten = np.ones(n, dtype=np.bool_)
    for step in range(1, _STRANGERS + 1):
        is_same = np.array([personas[row] == personas[row - step] for row in range(n)])
        beaten &= is_same | (own > np.einsum("ij,ij->i", vectors, np.roll(of_personas, step, axis=0)))
    return float(beaten.mean())


def _share_drawn(vectors: Vectors, labels: list[str], options: Mapping[str, Option], encoder: TextEncoder) -> float:
    names = list(options)
    # Of a label that the settings brought in, the file has no text.
    known = [place for place, label in enumerate(labels) if label in options]
    if not known:
        return 0.0
    texts = encoder.encode([options[name].text or name for name in names])
    nearest = np.argmax(vectors[known] @ texts.T, axis=1)
    return float(np.mean([names[place] == labels[row] for place, row in zip(nearest.tolist(), known, strict=True)]))


def _compare_with_personas(vectors: Vectors, of_personas: Vectors) -> pl.DataFrame:
    left, right = np.triu_indices(len(vectors), k=1)
    personas = (of_personas @ of_personas.T)[left, right]
    items = (vectors @ vectors.T)[left, right]
    places = np.digitize(personas, _BINS)
    rows = [
        (float(_BINS[place - 1]), float(_BINS[place]), int(chosen.sum()), float(items[chosen].mean()))
        for place in range(1, len(_BINS))
        if (chosen := places == place).any()
    ]
    return pl.DataFrame(
        rows, schema={"from": pl.Float64, "to": pl.Float64, "pairs": pl.Int64, "cosine": pl.Float64}, orient="row"
    )
