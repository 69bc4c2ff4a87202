"""`persona-assets report`: one HTML file on some shards, or on all."""

from collections.abc import Sequence

from rich.console import Console

from persona_assets.commands import say
from persona_assets.lake import Lake
from persona_assets.report import REPORTS_FOLDER, read_spend, write_report
from persona_assets.settings import Settings
from persona_assets.tables import WHOLE


def run_report(settings: Settings, console: Console, shards: Sequence[str]) -> None:
    """Write the report and say where it lies.

    Args:
        shards: that it is about; none for all of the lake.

    Raises:
        LakeError: if nothing of a shard is in the lake.
    """
    lake = Lake(settings.lake)
    meant = lake.require_shards("web_text", shards)
    name = shards[0] if len(shards) == 1 else WHOLE
    path = settings.data / REPORTS_FOLDER / f"{name}.html"
    title = f"Shard {shards[0]}" if len(shards) == 1 else f"{len(meant)} shards"
    write_report(lake, read_spend(settings), path, meant, title)
    say(console, path.as_uri())
