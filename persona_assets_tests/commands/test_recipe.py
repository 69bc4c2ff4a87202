"""recipe new, check and try; judge: what a user sees."""

import json
import re

import pytest

from persona_assets_tests.commands.conftest import Call, SmallProject

PERSONA = "A nurse who plays chess on night shifts."


def test_a_new_recipe_is_well_and_can_be_tried_at_once(empty_project: SmallProject, call: Call) -> None:
    made = call("recipe", "new", "birthday_speeches")
    assert made.code == 0, made.err
    path = empty_project.folder / "prompts" / "recipes" / "birthday_speeches.yaml"
    assert str(path) in made.out.replace("\n", "")
    checked = call("recipe", "check")
    assert checked.code == 0, checked.err
    assert "birthday_speeches" in checked.out
    tried = call("recipe", "try", "birthday_speeches", "--persona", PERSONA)
    assert tried.code == 0, tried.err
    assert re.search(r"^  tone: (plain|warm)$", tried.out, re.MULTILINE)
    assert re.search(r"^  title: .{3,}$", tried.out, re.MULTILINE)
    assert not (empty_project.data / "lake" / "birthday_speeches").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("math", "There is a recipe math already"),
        ("math_problems", "There is a recipe math_problems already"),
        ("Poems!", "lower case letters"),
        ("persona_hub", "persona_hub is an asset of the pipeline already"),
    ],
)
def test_a_name_that_will_not_do_is_refused(name: str, message: str, empty_project: SmallProject, call: Call) -> None:
    before = sorted((empty_project.folder / "prompts" / "recipes").iterdir())
    called = call("recipe", "new", name)
    assert called.code == 1
    assert message in called.err
    assert sorted((empty_project.folder / "prompts" / "recipes").iterdir()) == before


def test_check_lists_every_mistake_with_file_and_line(empty_project: SmallProject, call: Call) -> None:
    folder = empty_project.folder / "prompts" / "recipes"
    text = (folder / "math.yaml").read_text(encoding="utf-8")
    line = text[: text.index("user: |-")].count("\n") + 1
    (folder / "math.yaml").write_text(text.replace("{{ focus_text | plain }}", "{{ topic }}"), encoding="utf-8")
    text = (folder / "math_solutions.yaml").read_text(encoding="utf-8")
    (folder / "math_solutions.yaml").write_text(text.replace("max_tokens", "most_tokens"), encoding="utf-8")
    called = call("recipe", "check")
    assert called.code == 1
    assert f"math.yaml:{line}: user uses topic, which it is not given" in called.err
    assert re.search(r"math_solutions\.yaml is not well formed\. .*most_tokens \(line \d+\)", called.err)
    assert "Traceback" not in called.err


def test_try_makes_first_what_a_recipe_reads(empty_project: SmallProject, call: Call) -> None:
    called = call("recipe", "try", "math_solutions", "--persona", PERSONA)
    assert called.code == 0, called.err
    assert called.out.index("math_problems") < called.out.index("math_solutions")
    assert re.search(r"^  answer: .+$", called.out, re.MULTILINE)
    assert re.search(r"^  n_agree: [23]$", called.out, re.MULTILINE)


def test_try_names_the_recipes_that_there_are(empty_project: SmallProject, call: Call) -> None:
    called = call("recipe", "try", "maths", "--persona", PERSONA)
    assert called.code == 1
    assert "There is no recipe maths; there are math, math_problems" in called.err


def test_two_judges_rate_a_sample_and_their_agreement_is_told(project: SmallProject, call: Call) -> None:
    called = call(
        *("judge", "math_problems", "--sample", "5", "--shard", "one"),
        *("--model", "scripted/one", "--model", "scripted/two"),
    )
    assert called.code == 0, called.err
    assert re.search(r"^scripted/one +5 of 5 +[1-5]\.\d\d", called.out, re.MULTILINE)
    assert "scripted/one and scripted/two:" in called.out
    assert re.search(r"sense: the same \d+%, within one \d+%, .*kappa", called.out)
    lines = (project.data / "ratings" / "math_problems.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 10
    assert {"row_id", "judge", "rubric", "rubric_version", "sense", "persona", "use"} == set(json.loads(lines[0]))


@pytest.mark.parametrize("asset", ["persona_hub", "dialogues_g", "character_profiles"])
def test_any_artifact_can_be_judged(asset: str, project: SmallProject, call: Call) -> None:
    called = call("judge", asset, "--sample", "2")
    assert called.code == 0, called.err
    assert re.search(r"^scripted/plain +[1-4] of [1-4] ", called.out, re.MULTILINE)


def test_what_is_not_there_cannot_be_judged(empty_project: SmallProject, call: Call) -> None:
    called = call("judge", "math_problems")
    assert called.code == 1
    assert "There are no rows of math_problems to rate" in called.err
