"""A table shows as stale when the prompt changed that it took in, whether a model was asked for its rows or not."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from persona_assets.accounting import Accounting
from persona_assets.lake import Lake
from persona_assets.records import QUARANTINE_COLUMNS
from persona_assets.settings import load_settings
from persona_assets.staleness import AssetFacts, Present, examine_shard
from persona_assets.tables import Batch


@pytest.mark.parametrize(
    ("attributes", "reasons"),
    [
        ({"code_version": "1.new"}, ()),
        ({"code_version": "1.old"}, ("prompt changed",)),
        # Neither the tables of no prompt, nor what was read from a persona file.
        ({}, ()),
        ({"code_version": "persona file", "model": "none"}, ()),
    ],
)
def test_the_prompt_of_a_table_that_asks_no_model_counts(
    attributes: dict[str, Any], reasons: tuple[str, ...], tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    rows = Batch(pl.DataFrame({"id": ["a"]}), pl.DataFrame(schema=QUARANTINE_COLUMNS), Accounting.of_rows(1, 1, {}, {}))
    lake.write("sft_mix", "s", {"id": pl.String()}, [rows], **attributes)
    present = Present(lake, load_settings(), [AssetFacts("sft_mix", "1.new")])
    (state,) = examine_shard(present, "s", None)
    assert state.reasons == reasons
