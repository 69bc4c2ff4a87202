"""Who is told how far a materialisation is; nobody by default."""

from persona_assets.accounting import Accounting
from persona_assets.llm.usage import Usage


class Reporter:
    """Shows the progress of assets to a person; this one to nobody."""

    def start(self, asset: str, shard: str, planned: int | None) -> None:
        """An asset begins; `planned` is the number of tasks, if it is known."""

    def update(self, asset: str, accounting: Accounting, usage: Usage | None) -> None:
        """Rows were made or a model answered."""

    def finish(self, asset: str, accounting: Accounting, usage: Usage | None) -> None:
        """An asset is in the lake."""
