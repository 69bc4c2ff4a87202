import base64
import re

import numpy as np
import polars as pl
import pytest

from persona_assets.assets.table_previews import describe_hub
from persona_assets.dedup.portrait import Portrait
from persona_assets.settings import HubSettings

HOSTILE = "A nurse ![x](http://tracker.example/p.png) <img src=http://tracker.example> who | splits `cells`"


def describe(texts):
    n = len(texts)
    ids = [f"per_{row}" for row in range(n)]
    personas = pl.DataFrame({"persona_id": ids, "persona": texts, "round": [row % 2 for row in range(n)]})
    duplicates = pl.DataFrame(
        {"persona": texts, "kept_persona": texts, "stage": ["minhash"] * n, "score": [0.95] * n},
        schema_overrides={"persona": pl.String, "kept_persona": pl.String, "stage": pl.String, "score": pl.Float64},
    )
    nearest = personas.with_columns(other_id="persona_id", other="persona", cosine=pl.lit(0.8), jaccard=pl.lit(0.1))
    vectors = np.random.default_rng(0).standard_normal((n, 8)).astype(np.float32)
    return describe_hub(personas, personas.head(n // 2), duplicates, Portrait(nearest, vectors), HubSettings())


def test_text_of_a_persona_is_shown_as_text_and_loads_nothing():
    shown = describe([HOSTILE, HOSTILE])["pairs_around_thresholds"].md_str
    assert "tracker" in shown
    assert re.search(r"(?<!\\)[\[\]<>`]", shown) is None
    rows = shown.splitlines()
    assert len(rows) == 2 + 2 + 2 * 2
    assert all(row.replace("\\|", "").count("|") == 5 for row in rows)


@pytest.mark.parametrize("n", [1, 3, 40])
def test_every_decision_has_counts_and_pictures(n):
    metadata = describe([f"A nurse number {row}" for row in range(n)])
    assert (metadata["dropped_minhash"], metadata["dropped_exact"]) == (n, 0)
    assert f"| 0 | {(n + 1) // 2} |" in metadata["new_by_round"].md_str
    for name in ("nearest_neighbours", "map"):
        picture = metadata[name].embed().md_str.split("base64,")[1].rstrip(")")
        assert base64.b64decode(picture).startswith(b"\x89PNG")


def test_a_shard_without_personas_has_no_pictures():
    metadata = describe([])
    assert "map" not in metadata
    assert metadata["dropped_embedding"] == 0
