"""The hub as the lake holds it: which contribution of each shard is published, and its rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from persona_assets.index.interface import name_contribution
from persona_assets.lake import Lake, iter_frames

HUB = "persona_hub"


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a shard's published decision added to the hub.

    Attributes:
        generation: content hash of the decision.
        order: number of the decision; later ones have larger numbers.
    """

    shard: str
    generation: str
    order: int
    rows: int

    @property
    def name(self) -> str:
        """Name of the contribution in the index."""
        return name_contribution(self.shard, self.generation)


class LakeHub:
    """Reads contributions from the files of persona_hub, anew at each call."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def contributions(self) -> Sequence[Contribution]:
        """The published contribution of every shard, in the order of decision."""
        tables = [self._lake.info(HUB, shard) for shard in self._lake.shards(HUB)]
        found = [Contribution(**table.attributes["contribution"]) for table in tables]
        return sorted(found, key=lambda contribution: (contribution.order, contribution.shard))

    def read(self, contribution: Contribution) -> Iterator[pl.DataFrame]:
        """The kept personas of a contribution in order: persona_id, persona, language and round."""
        rows = self._lake.scan(HUB, contribution.shard)
        return iter_frames(rows.select("persona_id", "persona", "language", "round"), rows=8_192)
