"""Personas made ready for comparison: all that depends on one text alone, so it needs no lock and no order."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from persona_assets.dedup.minhash import choose_band_rows, hash_bands
from persona_assets.dedup.text import normalise, tokenise
from persona_assets.dedup.token_sets import TokenSets
from persona_assets.embedding.cache import CachedEncoder
from persona_assets.embedding.encoder import TextEncoder, Vectors
from persona_assets.errors import LakeError
from persona_assets.index.interface import PersonaColumns


@dataclass(frozen=True, slots=True)
class Prepared(PersonaColumns):
    """Personas in order, with what they are compared by.

    Attributes:
        normalised: what exact equality is judged by.
        tokens: what Jaccard is computed on.
        token_sets: the same, for many comparisons at once.
    """

    normalised: Sequence[str]
    tokens: Sequence[frozenset[str]]
    token_sets: TokenSets


def prepare_personas(personas: pl.DataFrame, encoder: TextEncoder | None, jaccard: float) -> Prepared:
    """Normalise, tokenise, hash and embed personas.

    Args:
        personas: columns persona_id and persona, in order.
        encoder: none to compare lexically alone.

    Raises:
        LakeError: if a persona_id occurs twice or is missing.
    """
    require_unique(personas["persona_id"])
    texts = personas["persona"].fill_null("").to_list()
    normalised = [normalise(text) for text in texts]
    tokens = [tokenise(text) for text in normalised]
    readable, vectors = _embed(texts, encoder)
    return Prepared(
        persona_ids=personas["persona_id"].to_list(),
        personas=texts,
        normalised=normalised,
        tokens=tokens,
        token_sets=TokenSets.of(tokens),
        bands=hash_bands(tokens, choose_band_rows(jaccard)),
        readable=readable,
        vectors=vectors,
    )


def prepare_ahead(frames: Iterable[pl.DataFrame], encoder: TextEncoder | None, jaccard: float) -> Iterator[Prepared]:
    """Prepare personas part by part, as `prepare_personas` does, the next while the caller is at work on the last."""
    with ThreadPoolExecutor(1, thread_name_prefix="prepare") as worker:
        following: Future[Prepared] | None = None
        for frame in frames:
            current, following = following, worker.submit(prepare_personas, frame, encoder, jaccard)
            if current:
                yield current.result()
        if following:
            yield following.result()


def embed_personas(personas: pl.Series, encoder: TextEncoder) -> None:
    """Have the encoder compute the vectors of personas for its cache; one without a cache computes nothing."""
    if isinstance(encoder, CachedEncoder):
        _embed(personas.fill_null("").to_list(), encoder)


def _embed(texts: Sequence[str], encoder: TextEncoder | None) -> tuple[npt.NDArray[np.bool_], Vectors]:
    if encoder is None:
        return np.zeros(len(texts), dtype=np.bool_), np.zeros((len(texts), 0), dtype=np.float32)
    readable = encoder.readable(texts)
    if not readable.any():
        return readable, np.zeros((len(texts), 0), dtype=np.float32)
    found = encoder.encode([text for text, flag in zip(texts, readable, strict=True) if flag])
    vectors = np.zeros((len(texts), found.shape[1]), dtype=np.float32)
    vectors[readable] = found
    return readable, vectors


def require_unique(persona_ids: pl.Series) -> None:
    """Refuse personas that could not be told apart; LakeError if an id occurs twice or is missing."""
    if persona_ids.null_count():
        raise LakeError(f"{persona_ids.null_count()} personas have no persona_id. Materialise their asset again.")
    twice = persona_ids.filter(persona_ids.is_duplicated())
    if len(twice):
        raise LakeError(f"persona_id {twice[0]} occurs twice among the personas. Materialise their asset again.")
