"""`persona-assets hub rebuild`: the vector index made anew from the lake."""

import time

from rich.console import Console

from persona_assets.dedup.hub import rebuild_index
from persona_assets.dedup.published import LakeHub
from persona_assets.embedding.cache import make_encoder
from persona_assets.lake import Lake
from persona_assets.settings import Settings


def run_rebuild(settings: Settings, console: Console) -> None:
    """Build the index of the hub anew.

    Raises:
        IndexUnavailableError: if the index is down or in use.
    """
    hub = LakeHub(Lake(settings.data / "lake"))
    shards = len(hub.contributions())
    if not shards:
        console.print("Nothing to rebuild: no persona_hub is in the lake yet.")
        return
    place = settings.index.url or str(settings.data / "index")
    began = time.monotonic()
    rows = rebuild_index(settings, encoder=make_encoder(settings), published=hub)
    console.print(
        f"{place}: {rows:,} personas of {shards:,} shards, in {time.monotonic() - began:,.0f} s.",
        markup=False,
        soft_wrap=True,
    )
