"""Why a persona is in the hub or not, and who is nearest to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from persona_assets.dedup.near import NearPersona, find_near
from persona_assets.dedup.published import HUB
from persona_assets.embedding.encoder import TextEncoder
from persona_assets.errors import LakeError
from persona_assets.index.qdrant import PersonaIndex
from persona_assets.lake import Lake

DUPLICATES = "hub_duplicates"
_SOURCES = ("expanded_personas", "seed_personas")


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the hub's rule made of a persona.

    Attributes:
        shard: the shard that it was decided in.
        is_kept: whether it is in the hub; none if its shard is not decided yet.
        origin: columns of its row that say where it comes from: round, parent_id, relation, doc_id and so on.
        duplicate: kept_id, kept_persona, stage and score, where it was dropped.
        is_stale: whether the kept one has left the hub since.
        absorbed: the personas that were dropped for its sake: persona_id, persona, stage, score, shard.
        nearest: who is nearest in the hub, nearest first; empty where the embedding model cannot read the text.
    """

    persona_id: str
    persona: str
    shard: str
    is_kept: bool | None
    origin: Mapping[str, object]
    duplicate: Mapping[str, object] | None
    is_stale: bool
    absorbed: pl.DataFrame
    nearest: Sequence[NearPersona]


def explain_persona(
    lake: Lake, index: PersonaIndex, encoder: TextEncoder, persona_id: str, neighbours: int
) -> Explanation:
    """Find out why a persona was kept or dropped; LakeError if no table knows the id."""
    asset, shard, row = _find_row(lake, persona_id)
    duplicate = row if asset == DUPLICATES else None
    kept_id = str(duplicate["kept_id"]) if duplicate else None
    persona = str(row["persona"])
    return Explanation(
        persona_id=persona_id,
        persona=persona,
        shard=shard,
        is_kept=None if asset in _SOURCES else asset == HUB,
        origin=_find_origin(lake, persona_id, row),
        duplicate=duplicate,
        is_stale=kept_id is not None and _look_up(lake, HUB, kept_id) is None,
        absorbed=_list_absorbed(lake, persona_id),
        nearest=find_near(index, encoder, persona, neighbours, {}, leave_out=persona_id),
    )


def _find_row(lake: Lake, persona_id: str) -> tuple[str, str, Mapping[str, object]]:
    for asset in (HUB, DUPLICATES, *_SOURCES):
        found = _look_up(lake, asset, persona_id)
        if found is not None:
            return asset, *found
    raise LakeError(
        f"No table knows the persona {persona_id}. Ids begin with per_ and are shown in the tables' first column;"
        ' `persona-assets hub search "text"` finds one by its text.'
    )


def _look_up(lake: Lake, asset: str, persona_id: str) -> tuple[str, Mapping[str, object]] | None:
    for shard in lake.shards(asset):
        rows = lake.scan(asset, shard).filter(pl.col("persona_id") == persona_id).head(1).collect()
        if rows.height:
            return shard, rows.row(0, named=True)
    return None


def _find_origin(lake: Lake, persona_id: str, row: Mapping[str, object]) -> Mapping[str, object]:
    columns = ("round", "language", "relation", "relationship", "parent_id", "root_id", "doc_id", "license")
    found: dict[str, object] = {}
    for source in (row, *(one[1] for asset in _SOURCES if (one := _look_up(lake, asset, persona_id)))):
        found |= {name: source[name] for name in columns if name not in found and source.get(name) is not None}
    return found


def _list_absorbed(lake: Lake, persona_id: str) -> pl.DataFrame:
    columns = ("persona_id", "persona", "stage", "score")
    is_its = pl.col("kept_id") == persona_id
    frames = [
        lake.scan(DUPLICATES, shard).filter(is_its).select(columns).with_columns(shard=pl.lit(shard))
        for shard in lake.shards(DUPLICATES)
    ]
    return pl.concat(frames).sort("score", descending=True).collect() if frames else pl.DataFrame()
