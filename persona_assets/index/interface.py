"""What the hub asks of a vector index, and nothing more.

One collection holds both views of a persona: its embedding as a dense vector (absent where the model cannot
read the text) and its MinHash bands as a sparse vector (an index a band hash, weight 1). Every point belongs to
a contribution: what one decision of one shard added.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from persona_assets.errors import IndexUnavailableError

Vectors = npt.NDArray[np.float32]
Bands = npt.NDArray[np.uint32]


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
        text = hashlib.blake2b(f"{self.contribution}\0{self.persona_id}".encode(), digest_size=16).hexdigest()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

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
class IndexPart:
    """Some established personas, column by column.

    Attributes:
        ranks: order of the decision and position in it: the lower, the earlier it was kept.
        bands: hashes of their MinHash bands, a row a persona.
        readable: whether there is an embedding.
        vectors: embeddings, a row a persona; zero where there is none.
    """

    persona_ids: Sequence[str]
    personas: Sequence[str]
    ranks: Sequence[tuple[int, int]]
    bands: Bands
    readable: npt.NDArray[np.bool_]
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.persona_ids)


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """What a collection holds; two collections of different specs cannot stand in for each other.

    Attributes:
        lexical: identity of the tokens, hashes and bands.
    """

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


class PersonaIndex(Protocol):
    """The established personas, searchable by shared bands and by nearness."""

    def upsert(self, points: Sequence[Point]) -> None:
        """Add points; adding a point again changes nothing."""
        ...

    def keep_only(self, contributions: Collection[str]) -> None:
        """Delete every point of any other contribution."""
        ...

    def delete(self, contribution: str) -> None:
        """Delete a contribution's points."""
        ...

    def count(self, contribution: str) -> int:
        """Count a contribution's points, exactly."""
        ...

    def find_sharing(self, bands: Bands, contributions: Collection[str]) -> list[list[Hit]]:
        """Find who shares a band.

        Args:
            contributions: only these are searched.

        Returns:
            For each question all points of the contributions with at least one band in common.
        """
        ...

    def count_all(self) -> int:
        """Count all points, exactly."""
        ...

    def find_nearest(
        self, vectors: Vectors, threshold: float, contributions: Collection[str], *, exact: bool | None = None
    ) -> list[list[Hit]]:
        """Find the nearest by dot product.

        Args:
            contributions: only these are searched.
            exact: whether all points are compared. Default: if there are at most as many as the index is set to.

        Returns:
            For each question the nearest point at or above the threshold, and every other one that is as near
            within `TIE`; none if there is no such point. With their vectors.
        """
        ...

    def list_nearest(self, vectors: Vectors, limit: int, where: Mapping[str, str | int]) -> list[list[Neighbour]]:
        """List who is nearest to each question, exactly.

        Args:
            where: values that they must have: shard, language, round.

        Returns:
            The nearest of each question, nearest first.
        """
        ...

    @property
    def is_exhaustive(self) -> bool:
        """Whether every search compares all points."""
        ...

    def scan(self, contributions: Collection[str]) -> Iterator[IndexPart]:
        """Read every point of some contributions once, some thousand at a time."""
        ...

    def flush(self) -> None:
        """Return when everything is on disk."""
        ...

    def close(self) -> None:
        """Release the index."""
        ...


_POSITION_BITS = 32

TIE = 1e-5
"""Dot products closer than this may be the same after rounding: whoever asks decides between them."""


def read_rank(stored: int) -> tuple[int, int]:
    """Order of the decision and position in it, of the number that is stored for both."""
    return stored >> _POSITION_BITS, stored & ((1 << _POSITION_BITS) - 1)


def name_contribution(shard: str, generation: str) -> str:
    """Name what one decision of a shard added."""
    return f"{shard}/{generation}"


def require_same_spec(wanted: IndexSpec, found: IndexSpec | None, place: str, remedy: str) -> None:
    """Refuse a collection of another embedding model, dimension or token scheme.

    Args:
        found: what the collection says of itself; none if it says nothing.

    Raises:
        IndexUnavailableError: if they differ.
    """
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
