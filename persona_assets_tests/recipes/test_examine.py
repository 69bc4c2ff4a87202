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
method: few_shot
draws:
  tone: {dark: 1, light: 2}
demonstrations:
  - values: {persona: A baker., tone_text: light}
    answer:
      riddle: What rises and has no legs?
      solution: dough
answer: json
fields:
  riddle: {description: The riddle., min_length: 10}
  solution: {description: Its solution.}
checks: [holds_solution]
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


REFUSED = "riddles.yaml:11: demonstration 1: the recipe itself would"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("{{ tone_text }}", "{{ mood }}", "riddles.yaml:4: user uses mood, which it is not given; there are "),
        ('user: "{{ riddle }}"', 'user: "{{ ridle }}"', "riddles.yaml:21: sft.user uses ridle"),
        ("{{ riddle }}", "{{ riddle", "riddles.yaml:21: sft.user is no valid template"),
        ("system: You write riddles.", "system: You are {{ name }}.", "riddles.yaml:3: system uses name"),
        (
            "persona: A baker., tone_text: light",
            "persona: A baker.",
            "riddles.yaml:11: demonstration 1: there is no value for tone_text",
        ),
        ("solution: dough", "answer: dough", f"{REFUSED} refuse it: 1 validation error"),
        ("riddle: What rises and has no legs?", 'riddle: "Ask me at ann@bread.org?"', f"{REFUSED} refuse it: contact"),
        ("What rises and has no legs?", '"What rises? Answer: dough"', f"{REFUSED} flag it: holds_solution"),
        ("description: Riddles.", "descripton: Riddles.", "descripton (line 2): Extra inputs"),
        ("checks: [holds_solution]", "checks: [is_funny]", "checks (line 19): "),
        ("asset: riddles", "asset: riddles\nreads: jokes", "reads jokes; it may read persona_hub"),
        ("{% if persona %}Person: {{ persona | plain }}{% endif %}", "", ""),
        (
            "{% if persona %}Person: {{ persona | plain }}{% endif %}\n  Tone: {{ tone_text }}.\nmethod: few_shot",
            "Tone: {{ tone_text }}.\nmethod: persona_few_shot",
            "riddles.yaml:6: method is persona_few_shot, and the prompt of recipe riddles says nothing of a persona",
        ),
    ],
)
def test_a_mistake_has_its_line(old: str, new: str, problem: str, tmp_path: Path) -> None:
    assert old in GOOD
    found = examine(tmp_path, GOOD.replace(old, new, 1))
    assert any(problem in one for one in found) if problem else not found, found


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("And how do I get there?", None),
        ("Mail me: ann@bread.org", "refuse it: contact_data"),
        ('""', "refuse it: empty"),
    ],
)
def test_a_demonstration_of_a_conversation_is_judged_as_a_turn(
    answer: str, problem: str | None, tmp_path: Path
) -> None:
    start, end = GOOD.index("answer: json"), GOOD.index("sft:")
    text = f"{GOOD[:start]}conversation: {{partner: persona, user_turns: 2}}\n"
    text = text.replace("Tone: {{ tone_text }}.", "{{ transcript }}{% if is_last %}Last.{% endif %}")
    a, b = text.index("demonstrations:"), text.index("conversation:")
    shown = f"demonstrations:\n  - values: {{transcript: 'They: Hm.', is_last: false}}\n    answer: {answer!r}\n"
    found = examine(tmp_path, f"{text[:a]}{shown}{text[b:]}")
    assert GOOD[end:].startswith("sft:")
    assert not found if problem is None else problem in found[0]


def test_a_method_that_shows_demonstrations_needs_some(tmp_path: Path) -> None:
    start, end = GOOD.index("demonstrations:"), GOOD.index("answer: json")
    [found] = examine(tmp_path, GOOD[:start] + GOOD[end:])
    assert found.startswith("riddles.yaml:7: method is few_shot, and recipe riddles has no demonstrations: write some")
    assert examine(tmp_path, (GOOD[:start] + GOOD[end:]).replace("few_shot", "zero_shot")) == []


def test_demonstrations_in_a_file_of_their_own(tmp_path: Path) -> None:
    start, end = GOOD.index("demonstrations:"), GOOD.index("answer: json")
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
