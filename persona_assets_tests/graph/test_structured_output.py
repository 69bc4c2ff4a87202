"""How JSON came about is seen: in the lake's file, in the materialisation, and by a check that stops nothing."""

from pathlib import Path

from persona_assets.settings import Settings
from persona_assets_tests.graph.runs import (
    SHARD,
    list_failed_checks,
    list_failures,
    list_materialised,
    make_settings,
    materialise_shard,
    read_metadata,
)
from persona_assets_tests.graph.spoilers import Spoiler, spoil_after_publishing


def test_replies_that_were_not_constrained_are_a_warning_even_out_of_the_ledger(
    copied: Settings, tmp_path: Path
) -> None:
    # Another temperature, so that the model is asked anew.
    anew = {"tasks": {"character_profiles": {"temperature": 0.31}}}
    by_words = make_settings(tmp_path, model={"structured_output": "json"}, **anew)
    result = materialise_shard(by_words, SHARD, "character_profiles")
    assert list_failed_checks(result) == {}
    assert read_metadata(result)["character_profiles"]["schema_rate"] == 0

    result = materialise_shard(make_settings(tmp_path, **anew), SHARD, "character_profiles")
    assert read_metadata(result)["character_profiles"]["calls"] == 0
    failed = list_failed_checks(result)
    assert list(failed) == [("character_profiles", "structured_output")]
    (message,) = failed.values()
    assert 'by json were asked for, although model.structured_output is "auto"' in message
    assert 'set it to "json" to accept this' in message
    assert copied.data.is_dir()


def test_too_many_malformed_answers_are_a_warning_that_stops_nothing(copied: Settings) -> None:
    spoiler = Spoiler("character_profiles", counts={"tiers": {"clean": 8, "malformed": 1}})
    result = materialise_shard(
        copied, SHARD, "character_profiles", "dialogues_g", io_manager=spoil_after_publishing(spoiler)
    )
    ((check_key, message),) = list_failed_checks(result).items()
    assert check_key == ("character_profiles", "structured_output")
    assert "1 of 9 answers are malformed: read them in the quarantine" in message
    assert list_failures(result) == {}
    assert list_materialised(result) == {"character_profiles", "dialogues_g"}
    (check,) = (found for found in result.get_asset_check_evaluations() if found.check_name == "structured_output")
    assert check.severity.value == "WARN"
    assert {name: value.value for name, value in check.metadata.items()} == {
        "replies": 6, "weaker": 0, "answers": 9, "malformed": 1
    }  # fmt: skip
