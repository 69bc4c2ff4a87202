"""The contributions of a lake, without its files: what is measured is the hub and its index."""

from collections.abc import Sequence

import polars as pl

from persona_assets.dedup.hub import Contribution


class Published:
    """Published is what is put into `found`."""

    def __init__(self) -> None:
        self.found: list[Contribution] = []

    def contributions(self) -> Sequence[Contribution]:
        return self.found

    def read(self, contribution: Contribution) -> Sequence[pl.DataFrame]:
        return []
