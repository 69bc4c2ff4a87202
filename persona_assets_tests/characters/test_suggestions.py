"""Suggested attributes: drawn by weight from a file, the same for the same persona, and measured."""

from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from persona_assets.characters.suggestions import load_profile_prompt, measure_kept, suggest
from persona_assets.errors import PromptError
from persona_assets_tests.asking import PROMPTS
from persona_assets_tests.characters.people import make_characters

WORLD = "attributes/world.yaml"


def test_free_suggests_nothing() -> None:
    assert suggest("per_1", load_profile_prompt(PROMPTS).content.suggestions) == {}


def test_values_are_drawn_by_weight_and_the_same_for_the_same_persona() -> None:
    weights = {"age": {"15-29": 3.0, "30-90": 1.0}, "faith": {"none": 1.0}}
    drawn = [suggest(f"per_{number}", weights) for number in range(1_000)]
    assert drawn == [suggest(f"per_{number}", weights) for number in range(1_000)]
    assert 700 < Counter(one["age"] for one in drawn)["15-29"] < 800
    assert {one["faith"] for one in drawn} == {"none"}


def test_the_packaged_file_has_the_world() -> None:
    world = load_profile_prompt(PROMPTS, WORLD).content.suggestions
    assert list(world) == ["age", "gender", "country"]
    assert len(world["country"]) >= 40


def test_an_edited_file_is_another_version_of_the_prompt(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    versions = {load_profile_prompt(PROMPTS).version}
    for text in ("age: {20: 1}", "age: {20: 2}"):
        file.write_text(text)
        prompt = load_profile_prompt(PROMPTS, str(file))
        versions.add(prompt.version)
        assert suggest("per_1", prompt.content.suggestions) == {"age": "20"}
    assert len(versions) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age: {}", r"mine\.yaml is not well formed\. age \(line 1\)"),
        ("gender: {female: 1}\nage:\n  20-30: -1", r"mine\.yaml is not well formed\. age\.20-30 \(line 3\)"),
        (None, r"mine\.yaml is missing"),
    ],
)
def test_a_file_that_is_wrong_is_named_by_line(text: str | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(PromptError, match=message):
        load_profile_prompt(PROMPTS, str(tmp_path / "mine.yaml"))


def test_what_was_kept_is_measured() -> None:
    profiles = make_characters(4).with_columns(
        age=pl.Series([20, 24, 25, 30], dtype=pl.Int32),
        gender=pl.Series(["Female", "female", "male", "non-binary"]),
        birthplace=pl.Series(["Lagos, Nigeria", "Niamey, Niger", "Paris, Nigerian quarter", "Rome"]),
    )
    weights = {"age": {"20-24": 1.0}, "gender": {"female": 1.0}, "country": {"Niger": 1.0}}
    assert measure_kept(profiles.lazy(), weights) == {"age": 0.5, "gender": 0.5, "country": 0.25}
    assert measure_kept(profiles.head(0).lazy(), weights) == {"age": 0.0, "gender": 0.0, "country": 0.0}
