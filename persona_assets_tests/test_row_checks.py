"""Levels of checks: which doubt refuses, which flags, which says nothing."""

import pytest

from persona_assets.errors import SettingsError
from persona_assets.row_checks import CHECKS, CheckSettings, Doubt, Rejected, RowChecks
from persona_assets.settings import load_settings


def limit_words(number: int) -> CheckSettings:
    return CheckSettings.model_validate({"words": number})


def test_a_doubt_does_what_its_level_says() -> None:
    checks = RowChecks({"too_long": CheckSettings(level="off"), "lint": CheckSettings(level="refuse")})
    assert checks.settle([Doubt("too_long"), Doubt("no_person", "a firm"), Doubt("no_person")]) == ["no_person"]
    assert checks.settle([Doubt("no_person"), Doubt("lint", "numpy")]) == Rejected("lint", "numpy")
    assert checks.settle([]) == []


def test_a_recipe_changes_levels_further_and_parameters_stay() -> None:
    checks = RowChecks({"copies_source": CheckSettings.model_validate({"level": "flag", "words": 20})})
    stricter = checks.change({"repetition": CheckSettings(level="refuse")})
    assert stricter.level("repetition") == "refuse"
    assert stricter.level("copies_source") == "flag"
    assert stricter.parameter("copies_source", "words") == 20
    assert RowChecks().parameter("copies_source", "words") == CHECKS["copies_source"].parameters["words"]


def test_a_recipe_changes_what_it_names_and_leaves_the_rest_of_a_check() -> None:
    strict = RowChecks({"copies_demonstration": CheckSettings(level="refuse"), "too_long": limit_words(9)})
    mine = strict.change({"copies_demonstration": limit_words(20), "too_long": CheckSettings(level="refuse")})
    assert (mine.level("copies_demonstration"), mine.parameter("copies_demonstration", "words")) == ("refuse", 20)
    assert (mine.level("too_long"), mine.parameter("too_long", "words")) == ("refuse", 9)


def test_settings_take_a_level_or_a_table() -> None:
    settings = load_settings(checks={"lint": "off", "copies_source": {"words": 9}})
    assert settings.row_checks().level("lint") == "off"
    assert settings.row_checks().level("copies_source") == "refuse"
    assert settings.row_checks().parameter("copies_source", "words") == 9
    picked = settings.pick("checks")
    assert {name: value for name, value in picked.items() if value is not None} == {
        "checks.lint": {"level": "off"},
        "checks.copies_source": {"level": None, "words": 9},
    }
    # One that is not set is recorded as well, so that setting it later is a change.
    assert set(picked) == {f"checks.{name}" for name in CHECKS}


@pytest.mark.parametrize(
    ("checks", "message"),
    [
        ({"to_long": "off"}, r"checks.*to_long is no check; there are .*too_long"),
        ({"lint": "maybe"}, r"checks.lint.*'refuse', 'flag' or 'off'"),
        ({"lint": {"words": 3}}, r"lint has no parameter words; it has none"),
        ({"copies_source": {"words": "many"}}, r"copies_source.words is a number of at least 0, not 'many'"),
    ],
)
def test_a_mistake_is_named(checks: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(checks=checks)


def test_every_check_says_what_it_finds() -> None:
    for name, check in CHECKS.items():
        assert check.description.endswith("."), name
        assert check.level in {"refuse", "flag"}, name
