"""What the hub puts into a vector index, and gets out of it.

One collection holds both views of a persona: its embedding as a dense vector (absent where the model cannot
read the text) and its MinHash bands as a sparse vector (an index a band hash, weight 1). Every point belongs to
a contribution: what one decision of one shard added.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from persona_assets.errors import IndexUnavailableError

Vectors = npt.NDArray[np.float32]
Bands = npt.NDArray[np.uint32]

_POSITION_BITS = 32


@dataclass(frozen=True, slots=True)
class Point:
    """A kept persona on its way into the index.

    Attributes:
        contribution: what it belongs to, from `name_contribution`.
        order: number of the decision that kept it, growing over all shards.
        position: its place among the personas of the contribution.
        bands: hashes of its MinHash bands, all different.
        vector: its embedding; none where the model cannot read the text.
        language: of its text; none if nobody said.
        round: of the expansion, 0 for a seed; none if nobody said.
    """

    persona_id: str
    persona: str
    contribution: str
    order: int
    position: int
    bands: Sequence[int]
    vector: Sequence[float] | None
    language: str | None = None
    round: int | None = None

    @property
    def point_id(self) -> str:
        """A UUID of persona and contribution: a new generation never overwrites a point of an old one."""
        text = f"{self.contribution}\0{self.persona_id}"
        return str(UUID(bytes=hashlib.blake2b(text.encode(), digest_size=16).digest()))

    @property
    def payload(self) -> dict[str, str | int | None]:
        """What is stored beside the vectors."""
        # Each key costs a twentieth of the time that the point takes on its way into Edge.
        return {
            "persona_id": self.persona_id,
            "persona": self.persona,
            "shard": self.contribution.rpartition("/")[0],
            "contribution": self.contribution,
            "rank": self.order << _POSITION_BITS | self.position,
            "language": self.language,
            "round": self.round,
        }


@dataclass(frozen=True, slots=True)
class Hit:
    """An established persona that a search found.

    Attributes:
        rank: order of the decision and position in it: the lower, the earlier it was kept.
        vector: its stored embedding, where the search was for embeddings.
    """

    persona_id: str
    persona: str
    rank: tuple[int, int]
    vector: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class PersonaColumns:
    """Personas in order, column by column.

    Attributes:
        bands: hashes of their MinHash bands, a row a persona.
        readable: whether the embedding model can judge the text.
        vectors: normalised embeddings, a row a persona; zero where it cannot.
    """

    persona_ids: Sequence[str]
    personas: Sequence[str]
    bands: Bands
    readable: npt.NDArray[np.bool_]
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.persona_ids)


@dataclass(frozen=True, slots=True)
class IndexPart(PersonaColumns):
    """Some established personas. `ranks`: order of the decision and position in it: the lower, the earlier kept."""

    ranks: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """What a collection holds. `lexical`: identity of tokens, hashes and bands."""

    model: str
    dimension: int
    lexical: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An established persona near to a question.

    Attributes:
        score: dot product with the question.
        language: of its text; none if nobody said.
        round: of the expansion; none if nobody said.
    """

    score: float
    persona_id: str
    persona: str
    shard: str
    language: str | None
    round: int | None


def read_rank(stored: int) -> tuple[int, int]:
    """Read order of the decision and position in it off the number that is stored for both."""
    return stored >> _POSITION_BITS, stored & ((1 << _POSITION_BITS) - 1)


def name_contribution(shard: str, generation: str) -> str:
    """Name what one decision of a shard added."""
    return f"{shard}/{generation}"


def require_same_spec(wanted: IndexSpec, found: IndexSpec | None, place: str) -> None:
    """Refuse a collection of another embedding model, dimension or token scheme.

    Args:
        found: what the collection says of itself; none if it says nothing.

    Raises:
        IndexUnavailableError: if they differ.
    """
    remedy = "`persona-assets hub rebuild` builds it anew from the lake"
    if found == wanted:
        return
    if found is None:
        raise IndexUnavailableError(f"{place} was not made by persona_assets. Set index.collection to another name.")
    if (found.model, found.dimension) != (wanted.model, wanted.dimension):
        raise IndexUnavailableError(
            f"{place} holds vectors of {found.model} ({found.dimension} dimensions), but embedding.model is now "
            f"{wanted.model} ({wanted.dimension}). Set embedding.model back, name another index.collection, "
            f"or {remedy}."
        )
    raise IndexUnavailableError(
        f"{place} was made for the lexical bands {found.lexical}, but hub.jaccard now needs {wanted.lexical}. "
        f"Set hub.jaccard back, name another index.collection, or {remedy}."
    )
