"""Recipe files: what is wrong with one is said with file and key."""

from pathlib import Path

import pytest
import yaml

from persona_assets.errors import PromptError
from persona_assets.personas.persona_prompts import SEED_PROMPT_FILE
from persona_assets.recipes.load import load_recipes
from persona_assets.recipes.recipe import RecipeFile, strip_quotes
from persona_assets.row_checks import CheckSettings, RowChecks
from persona_assets_tests.asking import PROMPTS

GOOD = {
    "asset": "riddles",
    "description": "Riddles.",
    "user": "{{ persona }}",
    "fields": {"riddle": {"description": "The riddle."}},
}

ASSISTANT = {"assistant": {"system": "You help."}}


def write(folder: Path, name: str, **changes: object) -> None:
    content = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def test_the_packaged_recipes_are_well_formed_and_in_order() -> None:
    recipes = load_recipes(PROMPTS / "recipes")
    names = [recipe.content.asset for recipe in recipes]
    assert {"math_problems", "math_solutions"} <= set(names)
    for recipe in recipes:
        assert recipe.content.reads == "persona_hub" or names.index(recipe.content.reads) < names.index(
            recipe.content.asset
        )
        assert {"item_id", "persona_id", "response_keys", *recipe.content.fields} <= set(
            recipe.content.schema_class().column_names()
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"asset": None}, r"asset \(line \d+\): Field required"),
        ({"asset": "Riddles!"}, r"asset \(line \d+\): .*lower case"),
        ({"asset": "persona_hub"}, r"asset \(line \d+\): .*persona_hub is an asset of the pipeline already"),
        ({"fields": {}}, "a recipe has fields, or is a conversation"),
        ({"fields": {"riddle": {"type": "float", "description": "x"}}}, r"fields\.riddle\.type \(line \d+\): "),
        ({"fields": {"riddle": {}}}, r"fields\.riddle\.description \(line \d+\): Field required"),
        ({"fields": {"persona": {"description": "x"}}}, r"fields \(line \d+\): .*persona are columns of every recipe"),
        ({"fields": {"license": {"description": "x"}}}, r"fields \(line \d+\): .*license are columns"),
        ({"fields": {"two words": {"description": "x"}}}, r"fields \(line \d+\): .*two words must be"),
        ({"checks": ["is_funny"]}, r"checks \(line \d+\): .*is_funny is no check; there are .*lint"),
        ({"checks": ["breaks_off"]}, r"checks \(line \d+\): .*breaks_off is made of every row anyway: give it a level"),
        ({"checks": ["bad_interface"]}, r"checks: bad_interface looks at the fields function_name, .*recipe lacks"),
        ({"checks": ["lint"]}, r"Recipe riddles_file: the check lint looks at function_name, .*persona_hub does not"),
        ({"checks": {"lint": "warn"}}, r"checks\.lint\.level \(line \d+\): "),
        ({"checks": {"lint": {"words": 3}}}, r"checks \(line \d+\): .*lint has no parameter words"),
        ({"draws": {"tone": {"dark": 0}}}, r"draws \(line \d+\): .*tone has no option with a weight"),
        ({"draws": {"tone": {"dark": {"when": {"mood": ["x"]}}}}}, r"draws \(line \d+\): .*no earlier draw mood"),
        ({"draws": {"tone": "draws/tones.yaml"}}, "tones.yaml is missing"),
        ({"pattern": "(?P<riddle>"}, "pattern: "),
        ({"pattern": "(?P<joke>.*)"}, r"pattern: its groups are \['joke'\], the fields \['riddle'\]"),
        (
            {"fields": {"a": {"description": "x"}, "b": {"description": "x"}}},
            "pattern: a plain text answer with several",
        ),
        ({"agreement": {"field": "joke"}}, "agreement: joke is none of the fields"),
        ({"agreement": {"field": "riddle", "at_least": 3}, "candidates": 2}, "candidates is 2, and at_least 3 answers"),
        ({"fields": {}, "conversation": {"user_turns": {}, **ASSISTANT}}, r"conversation\.user_turns \(line \d+\)"),
        ({"fields": {}, "conversation": {"user_turns": {2: -1}, **ASSISTANT}}, "weights are not negative"),
        ({"fields": {}, "conversation": {"user_turns": {0: 1}, **ASSISTANT}}, "1 to 50 turns"),
        ({"fields": {}, "conversation": {"user_turns": 3}}, "assistant: the prompt of an assistant"),
        ({"per_row": 0}, r"per_row \(line \d+\): "),
        ({"temprature": 1}, r"temprature \(line \d+\): Extra inputs"),
        ({"sft": {"user": "x"}}, r"sft \(line \d+\): .*it has user and assistant, or turns"),
    ],
)
def test_a_mistake_is_named_by_file_and_key(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    write(tmp_path, "riddles_file", **changes)
    with pytest.raises(PromptError, match=rf"(riddles_file\.yaml is not well formed\. .*)?{message}"):
        load_recipes(tmp_path)


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("asset: [", encoding="utf-8")
    with pytest.raises(PromptError, match=r"broken\.yaml is no valid YAML"):
        load_recipes(tmp_path)


def test_a_recipe_without_checks_may_say_so(tmp_path: Path) -> None:
    write(tmp_path, "one", checks="")
    assert load_recipes(tmp_path)[0].content.checks == {}


def test_two_recipes_of_one_asset_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "one")
    write(tmp_path, "two")
    with pytest.raises(PromptError, match="two and one make the same asset"):
        load_recipes(tmp_path)


def test_a_recipe_that_reads_what_nobody_makes_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "one", reads="jokes")
    with pytest.raises(PromptError, match="Recipe one reads jokes; it may read persona_hub or another recipe's asset"):
        load_recipes(tmp_path)


def test_a_circle_is_shown(tmp_path: Path) -> None:
    write(tmp_path, "one", asset="one", reads="two")
    write(tmp_path, "two", asset="two", reads="one")
    with pytest.raises(PromptError, match="circle: one -> two -> one"):
        load_recipes(tmp_path)


def test_a_recipe_comes_after_the_one_it_reads(tmp_path: Path) -> None:
    write(tmp_path, "a", asset="third", reads="second")
    write(tmp_path, "b", asset="second", reads="first")
    write(tmp_path, "c", asset="first")
    assert [recipe.content.asset for recipe in load_recipes(tmp_path)] == ["first", "second", "third"]


def test_the_prompt_that_infers_personas_belongs_to_the_version_of_those_whose_demonstrations_want_some(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    write(folder, "inferring", demonstrations=[{"values": {}, "answer": "Who rises?"}])
    write(folder, "plain", asset="others")
    versions = []
    for text in ("one", "two"):
        (tmp_path / SEED_PROMPT_FILE).write_text(text)
        versions.append({recipe.name: recipe.version for recipe in load_recipes(folder)})
    assert versions[0]["inferring"] != versions[1]["inferring"]
    assert versions[0]["plain"] == versions[1]["plain"]


def test_a_file_of_options_is_taken_in_and_belongs_to_the_version(tmp_path: Path) -> None:
    (tmp_path / "draws").mkdir()
    options = tmp_path / "draws" / "tones.yaml"
    write(tmp_path, "riddles", draws={"tone": "draws/tones.yaml", "length": {"short": 1}})
    versions = set()
    for text in ("dark: 2\nlight: {text: full of light}\n", "dark: 1\nlight: {text: bright}\n"):
        options.write_text(text, encoding="utf-8")
        (recipe,) = load_recipes(tmp_path)
        versions.add(recipe.version)
    assert len(versions) == 2
    assert list(recipe.content.draws) == ["tone", "length"]
    assert recipe.content.draws["tone"]["light"].text == "bright"
    options.write_text("dark: [1]\n", encoding="utf-8")
    with pytest.raises(PromptError, match=r"tones\.yaml is not well formed"):
        load_recipes(tmp_path)


def test_the_answer_that_is_compared_with_must_be_a_column(tmp_path: Path) -> None:
    write(tmp_path, "riddles")
    write(tmp_path, "solved", asset="solved", reads="riddles", agreement={"field": "riddle", "own": "solution"})
    with pytest.raises(PromptError, match=r"compares answers with solution .* no column of riddles"):
        load_recipes(tmp_path)
    write(tmp_path, "riddles", fields={"solution": {"description": "x"}})
    assert len(load_recipes(tmp_path)) == 2


@pytest.mark.parametrize(
    ("written", "levels"),
    [
        (["lint"], ("refuse", "flag")),
        ({"lint": "refuse", "repetition": False}, ("refuse", "off")),
        ({"lint": {"level": "off"}}, ("off", "flag")),
    ],
)
def test_levels_of_a_file_come_before_those_of_the_project(written: object, levels: tuple[str, str]) -> None:
    recipe = RecipeFile.model_validate({**GOOD, "checks": written})
    checks = recipe.change_checks(RowChecks({"lint": CheckSettings(level="refuse")}))
    assert (checks.level("lint"), checks.level("repetition")) == levels


@pytest.mark.parametrize(
    ("turns", "opening", "questions"), [(3, "", 6.0), ({2: 1, 4: 1}, "", 6.0), ({1: 3, 2: 1}, "Hi.", 1.5)]
)
def test_a_conversation_asks_for_its_turns(turns: object, opening: str, questions: float) -> None:
    conversation = {"user_turns": turns, "opening": opening, **ASSISTANT}
    recipe = RecipeFile.model_validate({**GOOD, "fields": {}, "conversation": conversation})
    assert recipe.turns_per_row == questions


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('"Is it far?"', "Is it far?"),
        ("“Is it far?”", "Is it far?"),
        ('"Far" is not "near"', '"Far" is not "near"'),
        ('He said "no"', 'He said "no"'),
    ],
)
def test_quotation_marks_around_a_whole_text_are_taken_away(text: str, plain: str) -> None:
    assert strip_quotes(text) == plain
