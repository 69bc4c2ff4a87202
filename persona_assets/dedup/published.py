"""The hub as the lake holds it: which contribution of each shard is published, and its rows."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

import polars as pl

from persona_assets.dedup.hub import Contribution
from persona_assets.lake import Lake, iter_frames

HUB = "persona_hub"


class LakeHub:
    """Reads contributions from the files of persona_hub."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def contributions(self) -> Sequence[Contribution]:
        """The published contribution of every shard, in the order of decision."""
        found = [
            Contribution(**self._lake.info(HUB, shard).attributes["contribution"]) for shard in self._lake.shards(HUB)
        ]
        return sorted(found, key=lambda contribution: (contribution.order, contribution.shard))

    def read(self, contribution: Contribution) -> Iterator[pl.DataFrame]:
        """The kept personas of a contribution, in order."""
        return iter_frames(
            self._lake.scan(HUB, contribution.shard).select("persona_id", "persona", "language", "round"), rows=8_192
        )


def describe_contribution(contribution: Contribution) -> dict[str, str | int]:
    """The attributes under which a contribution stands in its file."""
    return asdict(contribution)
