"""Personas made ready for comparison: all that depends on one text alone, so it needs no lock and no order."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from persona_assets.dedup.minhash import Bands, choose_band_rows, hash_bands
from persona_assets.dedup.text import normalise, tokenise
from persona_assets.dedup.token_sets import TokenSets
from persona_assets.embedding.cache import CachedEncoder
from persona_assets.embedding.encoder import TextEncoder, Vectors
from persona_assets.errors import LakeError


@dataclass(frozen=True, slots=True)
class Prepared:
    """Personas in order, column by column.

    Attributes:
        normalised: what exact equality is judged by.
        tokens: what Jaccard is computed on.
        token_sets: the same, for many comparisons at once.
        bands: what lexical candidates are found by, a row a persona.
        readable: whether the embedding model can judge the text.
        vectors: normalised embeddings, a row a persona; zero where it cannot.
    """

    persona_ids: Sequence[str]
    personas: Sequence[str]
    normalised: Sequence[str]
    tokens: Sequence[frozenset[str]]
    token_sets: TokenSets
    bands: Bands
    readable: npt.NDArray[np.bool_]
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.persona_ids)


def prepare_personas(personas: pl.DataFrame, encoder: TextEncoder | None, jaccard: float) -> Prepared:
    """Normalise, tokenise, hash and embed personas.

    Args:
        personas: columns persona_id and persona, in order.
        encoder: the embedding model; none to compare lexically alone.

    Returns:
        The prepared personas, in the same order.

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
    """Prepare personas part by part, the next one while the caller is at work on the last.

    Args:
        frames: columns persona_id and persona, in order.
        encoder: the embedding model; none to compare lexically alone.

    Yields:
        The prepared parts, in order.

    Raises:
        LakeError: if a persona_id occurs twice in a part or is missing.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="prepare") as worker:
        following: Future[Prepared] | None = None
        for frame in frames:
            current, following = following, worker.submit(prepare_personas, frame, encoder, jaccard)
            if current:
                yield current.result()
        if following:
            yield following.result()


def embed_personas(personas: pl.Series, encoder: TextEncoder) -> None:
    """Have the encoder compute the vectors of personas, so that its cache knows them.

    Args:
        encoder: the embedding model; one without a cache has nothing to compute beforehand.
    """
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
