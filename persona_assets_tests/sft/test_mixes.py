"""Mix files: what goes into a release, and what is wrong with a file."""

from pathlib import Path

import pytest

from persona_assets.errors import PromptError
from persona_assets.sft.mixes import load_mixes
from persona_assets_tests.asking import PROMPTS


def test_the_packaged_mix_is_well_formed() -> None:
    mix = load_mixes(PROMPTS / "mixes")["default"]
    assert mix.weights
    assert 0 < mix.validation_share < 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"well formed\. description \(line 1\): Field required"),
        ("description: d\nweights: {}", r"weights \(line 2\): "),
        (
            "description: d\nweights: {a: 1.5}",
            r"weights \(line 2\): .*the weight of a is 1.5; weights are shares from 0 to 1",
        ),
        ("description: d\nweights: {a: much}", r"weights\.a \(line 2\): "),
        ("description: d\nweights: {a: 1}\nmax_per_persona: 0", r"max_per_persona \(line 3\): "),
        ("description: d\nweights: {a: 1}\nvalidation_share: 1", r"validation_share \(line 3\): "),
        ("description: d\nweights: {a: 1}\nwieghts: {}", r"wieghts \(line 3\): Extra inputs"),
        ("- a list", r"the file \(line 1\): "),
        ("a: [", "is no valid YAML"),
    ],
)
def test_a_mistake_is_named_by_file_and_key(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(PromptError, match=rf"small\.yaml .*{message}"):
        load_mixes(tmp_path)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_bytes(b"description: \xff\xfe\x00")
    with pytest.raises(PromptError, match=r"small\.yaml is no valid YAML"):
        load_mixes(tmp_path)


def test_a_folder_without_mixes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"holds no mix\. Write one"):
        load_mixes(tmp_path)


def test_the_version_follows_the_content(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / f"{name}.yaml").write_text(f"description: d\nweights: {{x: 1}}\nseed: {seed}", encoding="utf-8")
    mixes = load_mixes(tmp_path)
    assert mixes["a"].version == mixes["b"].version != mixes["c"].version
