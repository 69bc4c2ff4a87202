"""What a shard's part of the hub looks like: how near its personas are to others, and where they lie."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from persona_assets.dedup.near import list_near
from persona_assets.dedup.text import jaccard, normalise, tokenise
from persona_assets.embedding.encoder import TextEncoder, Vectors
from persona_assets.embedding.proposer import find_judge
from persona_assets.index.interface import Neighbour
from persona_assets.index.qdrant import PersonaIndex

SAMPLE_ROWS: Final = 500
_JUDGED_ROWS: Final = 150
"""Where the index's vectors only propose, each row asks for embeddings of a dozen others."""
_PERPLEXITY = 30.0


@dataclass(frozen=True, slots=True)
class Portrait:
    """A sample of a shard's kept personas among all of the hub.

    Attributes:
        nearest: persona_id, persona, round, other_id, other, cosine and jaccard: each persona of the sample with the
            nearest other one of the hub. Only personas that the embedding model can read, and that are not alone.
        vectors: of the same rows, as the index has them.
    """

    nearest: pl.DataFrame
    vectors: Vectors


_NEAREST = pl.Schema(
    {
        "persona_id": pl.String(),
        "persona": pl.String(),
        "round": pl.Int32(),
        "other_id": pl.String(),
        "other": pl.String(),
        "cosine": pl.Float64(),
        "jaccard": pl.Float64(),
    }
)


def draw_portrait(index: PersonaIndex, encoder: TextEncoder, kept: pl.DataFrame) -> Portrait:
    """Look at at most `SAMPLE_ROWS` kept personas, drawn by a fixed seed, among all of the hub, exactly."""
    size = _JUDGED_ROWS if find_judge(encoder) else SAMPLE_ROWS
    sample = kept.sample(min(size, kept.height), seed=0)
    sample = sample.filter(pl.Series(encoder.readable(sample["persona"].to_list()), dtype=pl.Boolean))
    if sample.is_empty():
        return Portrait(_NEAREST.to_frame(), np.empty((0, encoder.dimension), dtype=np.float32))
    vectors = encoder.encode(sample["persona"].to_list())
    found = list_near(index, encoder, sample["persona"].to_list(), 2, {})
    rows = [_pair(row, near) for row, near in zip(sample.iter_rows(named=True), found, strict=True)]
    is_paired = [row is not None for row in rows]
    nearest = pl.DataFrame([row for row in rows if row], schema=_NEAREST)
    return Portrait(nearest, vectors[is_paired])


def place_personas(vectors: Vectors) -> npt.NDArray[np.float64]:
    """Place personas in two dimensions, near to each other where their embeddings are (t-SNE, van der Maaten 2008).

    Gives a row a persona, the same for the same vectors.
    """
    if len(vectors) < 4:
        return np.zeros((len(vectors), 2)) + np.arange(len(vectors))[:, None]
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3)
    # Its thousand steps are short: a second thread waits for the first, and beside another run for seconds in all.
    with threadpool_limits(1):
        places = TSNE(perplexity=perplexity, init="pca", metric="cosine", random_state=0).fit_transform(vectors)
    return np.asarray(places, dtype=np.float64)


def _pair(row: dict[str, object], found: list[Neighbour]) -> dict[str, object] | None:
    other = next((one for one in found if one.persona_id != row["persona_id"]), None)
    if other is None:
        return None
    tokens = [tokenise(normalise(str(text))) for text in (row["persona"], other.persona)]
    return {
        **{name: row[name] for name in ("persona_id", "persona", "round")},
        "other_id": other.persona_id,
        "other": other.persona,
        "cosine": min(1.0, other.score),
        "jaccard": jaccard(*tokens),
    }
