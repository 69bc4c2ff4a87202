"""Every check can fail: it says what is wrong, and what it guards is not built upon."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from persona_assets.checks.build import build_checks
from persona_assets.recipes.load import load_recipes
from persona_assets.settings import Settings
from persona_assets_tests.graph.runs import (
    SHARD,
    list_failed_checks,
    list_failures,
    list_materialised,
    make_settings,
    materialise_shard,
)
from persona_assets_tests.graph.spoilers import Spoiler, repeat_first, set_first, set_turn, spoil_after_publishing

NOWHERE = "per_nowhere"


@dataclass(frozen=True)
class Case:
    """A spoilt table and the check that finds it.

    Attributes:
        check: its name.
        spoiler: what is done to the table.
        message: how the check puts it, in part.
        downstream: an asset that reads the table and must not be made.
        wrong: the rows that the check's metadata counts; None where it counts something else.
    """

    check: str
    spoiler: Spoiler
    message: str
    downstream: str
    wrong: int | None = 1


def repeat_a_persona(frame: pl.DataFrame) -> pl.DataFrame:
    return set_first("persona", f"{frame['persona'][1]}!")(frame)


CASES = [
    Case(
        "accounting",
        Spoiler("seed_personas", counts={"planned": 7}),
        "planned 7 is not answered 6",
        "expanded_personas",
        None,
    ),
    Case(
        "accounting",
        Spoiler("web_text", lambda frame: frame.head(5)),
        "says 6 rows, the file has 5",
        "seed_personas",
        None,
    ),
    Case(
        "schema",
        Spoiler("web_text", lambda frame: frame.with_columns(pl.col("n_chars").cast(pl.Int32))),
        "columns or types differ",
        "seed_personas",
        None,
    ),
    Case("schema", Spoiler("character_profiles", set_first("age", 200)), "rows break age|max in 1 rows", "dialogues_g"),
    Case("schema", Spoiler("math_problems", repeat_first), "1 ids occur more than once: ", "math_solutions", 2),
    Case(
        "origins",
        Spoiler("seed_personas", set_first("doc_id", "doc_x")),
        "in no row of web_text: doc_x",
        "expanded_personas",
    ),
    Case(
        "origins",
        Spoiler("expanded_personas", set_first("parent_id", NOWHERE)),
        f"1 values of parent_id are in no row of seed_personas or expanded_personas: {NOWHERE}",
        "persona_hub",
    ),
    Case(
        "no_near_duplicates", Spoiler("persona_hub", repeat_a_persona), "1 pairs are at or above", "character_profiles"
    ),
    Case(
        "origins",
        Spoiler("character_profiles", set_first("persona_id", NOWHERE)),
        "in no row of persona_hub",
        "dialogues_r",
    ),
    Case(
        "origins",
        Spoiler("dialogues_g", set_first("character_id", "chr_x")),
        "character_profiles: chr_x",
        "sft_mix",
    ),
    Case(
        "origins",
        Spoiler("dialogues_g", set_first("instruction_id", "ins_x")),
        "source_instructions or instructions: ins_x",
        "sft_mix",
    ),
    Case(
        "user_turns_kept",
        Spoiler("dialogues_r", set_turn("turns", 0, "Something else?")),
        "1 dialogues changed the user's turns: dia_",
        "sft_mix",
    ),
    Case(
        "origins",
        Spoiler("math_solutions", set_first("source_item_id", "itm_x")),
        "math_problems: itm_x",
        "sft_mix",
    ),
    Case("ends_with_answer", Spoiler("sft_mix", set_turn("messages", -1, " ")), "1 examples do not end with", ""),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.check} of {case.spoiler.asset}")
def test_a_spoilt_table_fails_its_check_and_stops_the_run(case: Case, copied: Settings) -> None:
    spoilt = case.spoiler.asset
    hub = {"persona_hub", "hub_duplicates"}
    selected = {spoilt, case.downstream} - {""}
    selected |= hub if selected & hub else set()
    result = materialise_shard(copied, SHARD, *sorted(selected), io_manager=spoil_after_publishing(case.spoiler))
    failed = list_failed_checks(result)
    assert case.message in failed[spoilt, case.check]
    evaluations = result.get_asset_check_evaluations()
    (check,) = (found for found in evaluations if (found.check_name, found.passed) == (case.check, False))
    assert case.wrong is None or check.metadata["wrong"].value == case.wrong
    assert {asset for asset, _ in failed} == {spoilt}
    assert list(list_failures(result)) == [f"check_{spoilt}"]
    assert not result.success
    assert spoilt in list_materialised(result)
    assert case.downstream not in list_materialised(result)


def test_an_empty_table_is_reported_with_its_reasons_and_stops_nothing(empty: Settings, tmp_path: Path) -> None:
    strict = make_settings(tmp_path, corpus={"min_chars": 5_000, "max_chars": 9_000})
    result = materialise_shard(strict, SHARD, "web_text", "seed_personas")
    failed = list_failed_checks(result)
    assert failed["web_text", "accounting"] == "the table is empty: too_short 6"
    assert failed["seed_personas", "accounting"] == "the table is empty: nothing was planned"
    assert set(failed) == {("web_text", "accounting"), ("seed_personas", "accounting")}
    assert list_materialised(result) == {"web_text", "seed_personas"}
    assert result.success
    assert empty.data.is_dir()


def test_no_kind_of_check_is_left_out(empty: Settings) -> None:
    names = {
        spec.name for checks in build_checks(load_recipes(empty.prompts / "recipes")) for spec in checks.check_specs
    }
    assert names == {case.check for case in CASES} | {
        "balanced",
        "quality",
        "structured_output",
        "violations_rare",
    }
