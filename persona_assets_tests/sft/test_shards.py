"""Which shards a release takes: those of the corpus as it is now."""

from pathlib import Path

import polars as pl
import pytest

from persona_assets.accounting import Accounting
from persona_assets.errors import LakeError
from persona_assets.lake import Lake
from persona_assets.records import QUARANTINE_COLUMNS, SftMix, polars_schema
from persona_assets.sft.shards import choose_shards, require_shards
from persona_assets.tables import Batch
from persona_assets_tests.sft.candidates import make_candidates


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    for shard in ("b", "a", "sample"):
        rows = make_candidates([f"per_{shard}"]).collect()
        batch = Batch(rows, pl.DataFrame(schema=QUARANTINE_COLUMNS), Accounting.of_rows(2, 2, {}, {}))
        lake.write("sft_mix", shard, polars_schema(SftMix), [batch])
    return lake


def test_the_shards_of_the_corpus_are_taken_and_the_others_have_a_reason(lake: Lake) -> None:
    choice = choose_shards(lake, ["b", "c", "a"])
    assert dict(choice.taken) == {shard: lake.info("sft_mix", shard).data_version for shard in ("a", "b")}
    assert list(choice.left_out.items()) == [("c", "no candidates yet"), ("sample", "not in the corpus")]
    assert choice.describe_left_out() == "c (no candidates yet); sample (not in the corpus)"
    assert require_shards(choice, Path("texts")) == ["a", "b"]


def test_many_shards_left_out_are_one_line(lake: Lake) -> None:
    choice = choose_shards(lake, ["a", "b", "sample", *(f"c{number}" for number in range(5))])
    assert choice.describe_left_out() == "c0, c1, c2 and 2 more (no candidates yet)"
    assert choose_shards(lake, ["a", "b", "sample"]).describe_left_out() == ""


def test_a_corpus_without_a_shard_in_the_lake_is_an_error_that_says_what_to_do(lake: Lake) -> None:
    with pytest.raises(LakeError, match=r"corpus texts has candidates .*Materialise .*corpus\.path.*c \(no candidates"):
        require_shards(choose_shards(lake, ["c"]), Path("texts"))


def test_a_damaged_table_is_no_shard_left_out_but_an_error_that_names_it(lake: Lake) -> None:
    Path(lake.path("sft_mix", "b")).write_bytes(b"PAR1")
    choice = choose_shards(lake, ["a", "b"])
    assert list(choice.taken) == ["a"]
    assert choice.describe_left_out() == "b (candidates cannot be read); sample (not in the corpus)"
    with pytest.raises(LakeError, match=r"sft_mix/b\.parquet is not a readable Parquet file.*materialise again"):
        require_shards(choice, Path("texts"))


def test_a_damaged_table_of_another_corpus_is_nothing_to_a_release(lake: Lake) -> None:
    Path(lake.path("sft_mix", "sample")).write_bytes(b"PAR1")
    assert require_shards(choose_shards(lake, ["a", "b"]), Path("texts")) == ["a", "b"]
