"""Recipe files are examined before a model is paid for them: each mistake with file and line."""

import re
from pathlib import Path

import pytest

from persona_assets.recipes.examine import examine_recipes
from persona_assets_tests.asking import PROMPTS

GOOD = """\
asset: riddles
description: Riddles.
system: You write riddles.
user: |-
  {% if persona %}Person: {{ persona | plain }}{% endif %}
  Tone: {{ tone_text }}.
draws:
  tone: {dark: 1, light: 2}
demonstrations:
  - values: {persona: A baker., tone_text: light}
    answer: |-
      Riddle: What rises and has no legs?
      Answer: dough
pattern: '(?is)^riddle:\\s*(?P<riddle>.+?)\\n\\s*answer:\\s*(?P<solution>.+)$'
fields:
  riddle: {description: The riddle., min_length: 10}
  solution: {description: Its solution.}
checks: [asks_something]
sft:
  user: "{{ riddle }}"
  assistant: "{{ solution }}"
"""


def examine(folder: Path, text: str) -> list[str]:
    (folder / "riddles.yaml").write_text(text, encoding="utf-8")
    return [str(problem).removeprefix(f"{folder}/") for problem in examine_recipes(folder)]


def test_the_packaged_recipes_are_well() -> None:
    assert examine_recipes(PROMPTS / "recipes") == []


def test_a_good_file_has_no_problem(tmp_path: Path) -> None:
    assert examine(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("{{ tone_text }}", "{{ mood }}", "riddles.yaml:4: user uses mood, which it is not given; there are "),
        ('user: "{{ riddle }}"', 'user: "{{ ridle }}"', "riddles.yaml:20: sft.user uses ridle"),
        ("{{ riddle }}", "{{ riddle", "riddles.yaml:20: sft.user is no valid template"),
        ("system: You write riddles.", "system: You are {{ name }}.", "riddles.yaml:3: system uses name"),
        (
            "persona: A baker., tone_text: light",
            "persona: A baker.",
            "riddles.yaml:10: demonstration 1: there is no value for tone_text",
        ),
        (
            "Answer: dough",
            "Solution: dough",
            "riddles.yaml:10: demonstration 1: the recipe itself would refuse it: malformed",
        ),
        (
            "and has no legs?",
            "and has no legs.",
            "riddles.yaml:10: demonstration 1: the recipe itself would refuse it: asks_nothing",
        ),
        ("description: Riddles.", "descripton: Riddles.", "descripton (line 2): Extra inputs"),
        ("checks: [asks_something]", "checks: [is_funny]", "checks (line 18): "),
        ("asset: riddles", "asset: riddles\nreads: jokes", "reads jokes; it may read persona_hub"),
    ],
)
def test_a_mistake_has_its_line(old: str, new: str, problem: str, tmp_path: Path) -> None:
    assert old in GOOD
    found = examine(tmp_path, GOOD.replace(old, new, 1))
    assert any(problem in one for one in found), found


SHOWN = "riddles.yaml:27: begun.demonstration 1:"
BEGUN = """\
begun:
  system: You begin.
  user: "{{ persona }}"
  openings: ["Riddle: What"]
  demonstrations:
    - values: {persona: A smith.}
      answer: |-
        Riddle: What is hot and red?
        Answer: iron
  max_tokens: 60
  sentences: 2
  checks: [asks_something]
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("", "", ""),
        ("{{ persona }}", "{{ who }}", "riddles.yaml:24: begun.user uses who"),
        ("Answer: iron", "It is iron", f"{SHOWN} the recipe itself would refuse it"),
        ("What is hot and red?", "It is hot and red.", f"{SHOWN} the recipe itself would refuse it"),
        ("checks: [asks_something]", "checks: [asks]", "begun.checks (line "),
    ],
)
def test_what_a_model_is_asked_whose_answers_are_begun_is_examined_too(
    old: str, new: str, problem: str, tmp_path: Path
) -> None:
    found = examine(tmp_path, GOOD + BEGUN.replace(old, new, 1) if old else GOOD + BEGUN)
    assert any(problem in one for one in found) if problem else not found, found


def test_a_method_that_shows_demonstrations_needs_some(tmp_path: Path) -> None:
    start, end = GOOD.index("demonstrations:"), GOOD.index("pattern:")
    found = examine(tmp_path, GOOD[:start] + "method: few_shot\n" + GOOD[end:])
    assert found == [
        "riddles.yaml:9: method is few_shot, and there are no demonstrations: write some, or set zero_shot"
    ]
    assert examine(tmp_path, GOOD[:start] + "method: zero_shot\n" + GOOD[end:]) == []


def test_demonstrations_in_a_file_of_their_own(tmp_path: Path) -> None:
    start, end = GOOD.index("demonstrations:"), GOOD.index("pattern:")
    text = GOOD[:start] + "demonstrations: shown.yaml\n" + GOOD[end:]
    assert "shown.yaml is missing" in examine(tmp_path, text)[0]
    folder = tmp_path / "apart"
    folder.mkdir()
    (folder / "shown.txt").write_text("- answer: 5\n", encoding="utf-8")
    found = examine(folder, text.replace("shown.yaml", "shown.txt"))
    assert "shown.txt is not well formed" in found[0]


def test_the_example_of_the_docs_is_a_recipe(tmp_path: Path) -> None:
    page = (PROMPTS.parent / "docs" / "recipes.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```yaml\n(asset: .*?)```", page, re.DOTALL)
    (tmp_path / "birthday_speeches.yaml").write_text(example, encoding="utf-8")
    assert examine_recipes(tmp_path) == []
