"""A small hub in a real lake, and a run of it that a test can kill (`python -m ... FOLDER SHARD KILL_AT|never`)."""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import polars as pl

from persona_assets.dedup.hub import decide_shard
from persona_assets.dedup.published import Contribution
from persona_assets.index.edge import EdgeIndex
from persona_assets.settings import load_settings
from persona_assets_tests.dedup.doubles import list_pairs


class LettersEncoder:
    """Counts of a text's letters as its embedding: deterministic, quick, and near for near texts."""

    identity = "letters@1"
    dimension = 26

    def encode(self, texts, *, alone=False):
        raw = np.array([[text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts])
        raw = raw.reshape(len(texts), 26).astype(np.float64)
        return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)

    def readable(self, texts):
        return np.array([text.isascii() for text in texts], dtype=np.bool_)


class FolderHub:
    """A published hub: one Parquet file a shard, written atomically, its contribution in its metadata."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "lake" / "persona_hub"
        self.folder.mkdir(parents=True, exist_ok=True)

    def contributions(self):
        paths = sorted(self.folder.glob("*.parquet"))
        return [Contribution(**json.loads(pl.read_parquet_metadata(path)["contribution"])) for path in paths]

    def read(self, contribution):
        columns = ["persona_id", "persona", "language", "round"]
        yield pl.read_parquet(self.folder / f"{contribution.shard}.parquet", columns=columns)

    def write(self, decision):
        contribution = decision.contribution
        facts = {"shard": contribution.shard, "generation": contribution.generation}
        facts |= {"order": contribution.order, "rows": contribution.rows}
        path = self.folder / f"{contribution.shard}.parquet"
        decision.kept.write_parquet(path.with_suffix(".tmp"), metadata={"contribution": json.dumps(facts)})
        path.with_suffix(".tmp").replace(path)

    def remove(self, shard):
        (self.folder / f"{shard}.parquet").unlink()

    def bytes(self):
        return {path.stem: path.read_bytes() for path in self.folder.glob("*.parquet")}

    def personas(self):
        """All (id, text) of the hub, in order of decision."""
        ordered = sorted(self.contributions(), key=lambda contribution: contribution.order)
        return [row for one in ordered for frame in self.read(one) for row in list_pairs(frame)]


def materialise(folder: Path, shard: str, personas: pl.DataFrame, encoder=None, **sections):
    settings = load_settings(paths={"data": folder}, **sections)
    hub = FolderHub(folder)
    encoder = encoder or LettersEncoder()
    with decide_shard(
        settings, shard, personas, encoder=encoder, published=hub, registered=["a", "b", "c"]
    ) as decision:
        hub.write(decision)
    return decision


def kill_at(step: str) -> None:
    """Let this process die by SIGKILL just before or after a call to the index or the lake."""
    moment, _, name = step.partition(":")
    owner = FolderHub if name == "write" else EdgeIndex
    original = getattr(owner, name)

    def die(self, *arguments, **options):
        if moment == "half":
            original(self, arguments[0][: len(arguments[0]) // 2])
        if moment == "after":
            original(self, *arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, die)


if __name__ == "__main__":
    data, shard_name, kill_step = sys.argv[1:]
    if kill_step != "never":
        kill_at(kill_step)
    materialise(Path(data), shard_name, pl.read_parquet(Path(data) / f"{shard_name}.input.parquet"))
