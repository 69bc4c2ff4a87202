"""`persona-assets report`: one HTML file on some shards, or on all."""

from collections.abc import Sequence

from rich.console import Console

from persona_assets.errors import LakeError
from persona_assets.lake import WHOLE, Lake
from persona_assets.report import REPORTS_FOLDER, read_spend, write_report
from persona_assets.settings import Settings


def run_report(settings: Settings, console: Console, shards: Sequence[str]) -> None:
    """Write the report and say where it lies.

    Args:
        settings: of the project.
        console: where to print.
        shards: that it is about; none for all of the lake.

    Raises:
        LakeError: if nothing of a shard is in the lake.
    """
    lake = Lake(settings.data / "lake")
    there = lake.shards("web_text")
    missing = [shard for shard in shards if shard not in there]
    if missing or not there:
        raise LakeError(
            f"Nothing of the shard {missing[0] if missing else ''} is in the lake {lake.root}. Materialise it first:"
            " persona-assets run."
        )
    name = shards[0] if len(shards) == 1 else WHOLE
    path = settings.data / REPORTS_FOLDER / f"{name}.html"
    title = f"Shard {shards[0]}" if len(shards) == 1 else f"{len(shards or there)} shards"
    write_report(lake, read_spend(settings), path, list(shards) or there, title)
    console.print(path.as_uri(), markup=False, soft_wrap=True)
