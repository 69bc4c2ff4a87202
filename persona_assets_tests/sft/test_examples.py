"""From dialogues and recipe rows to training examples: every row with its provenance, none lost silently."""

from pathlib import Path

import polars as pl
import pytest

from persona_assets.accounting import Accounting
from persona_assets.characters.answer import introduce
from persona_assets.errors import PromptError
from persona_assets.prompts import Prompt, PromptFile, load_prompt
from persona_assets.recipes.load import load_recipes
from persona_assets.recipes.recipe import RecipeFile
from persona_assets.records import SftMix
from persona_assets.sft.examples import Origin, make_recipe_examples, make_role_play_examples
from persona_assets.tables import TableInfo
from persona_assets_tests.asking import PROMPTS, put_together
from persona_assets_tests.characters.people import make_characters, make_turns

TABLE = TableInfo("t", "s", Path("t"), 0, "v", Accounting(), {"model": "scripted/plain", "code_version": "abc"})
HUB = pl.LazyFrame(
    {
        "persona_id": ["per_0000", "per_0001", "per_0002"],
        "doc_id": ["doc_0", None, "doc_2"],
        "license": ["CC0-1.0", "MIT", "CC0-1.0"],
        "family_id": ["fam_a", "fam_b", "fam_a"],
    }
)
G = load_prompt(PROMPTS / "dialogues_g.yaml", PromptFile)
SOLUTIONS = next(recipe for recipe in load_recipes(PROMPTS / "recipes") if recipe.content.asset == "math_solutions")
PROBLEM_ROWS = pl.LazyFrame(
    {
        "item_id": ["itm_1", "itm_2"],
        "persona_id": ["per_0000", "per_0001"],
        "persona": ["A cook.", "A baker."],
        "source_item_id": pl.Series([None, None], dtype=pl.String),
        "problem": ["How many {{ jars }}?", "How many {% loaves %}?"],
        "flags": [[], ["holds_solution"]],
        "response_keys": [["a"], ["b"]],
    }
)
SOLUTION_ROWS = pl.LazyFrame(
    {
        "item_id": ["itm_3", "itm_4", "itm_5"],
        "persona_id": ["per_0000", "per_0001", "per_0001"],
        "persona": ["A cook.", "A baker.", "A baker."],
        "source_item_id": ["itm_1", "itm_2", "itm_gone"],
        "solution": ["2 * 3 = 6", "2 * 4 = 8", "2 * 5 = 10"],
        "answer": ["6 jars", "8 loaves", "10 rolls"],
        "flags": [["answer_differs"], [], []],
        "response_keys": [["c"], ["d"], ["e"]],
    }
)

INSTRUCTIONS = pl.LazyFrame(
    {
        "instruction_id": ["ins_1", "ins_2"],
        "turns": [list(make_turns("Hello?", "Good day. How can I help you?")), list(make_turns("Bye?", "Bye."))],
        "has_answers": [True, True],
    }
)


def make_dialogues(number: int) -> pl.LazyFrame:
    return pl.LazyFrame(
        [
            {
                "dialogue_id": f"dia_{index}",
                "character_id": f"chr_{index:04}",
                "persona_id": f"per_{index:04}",
                "instruction_id": "ins_1",
                "turns": list(make_turns("Hello?", "Ahoy, {name}!")),
                "n_turns": 2,
                "license": "CC-BY-4.0",
                "flags": ["recites_profile"] if index == 1 else [],
                "response_keys": ["k"],
            }
            for index in range(number)
        ]
    )


def test_a_dialogue_becomes_an_example_with_its_provenance() -> None:
    batches = list(
        make_role_play_examples(
            "dialogues_r", make_dialogues(3), make_characters(3).lazy(), INSTRUCTIONS, Origin(HUB), TABLE, G
        )
    )
    rows = SftMix.validate(put_together(batches).rows, cast=True)
    assert rows["source_row_id"].to_list() == ["dia_0", "dia_1", "dia_2"]
    assert rows["license"].to_list() == ["CC-BY-4.0 AND CC0-1.0", "CC-BY-4.0 AND MIT", "CC-BY-4.0 AND CC0-1.0"]
    assert rows["doc_id"].to_list() == ["doc_0", None, "doc_2"]
    assert rows["family_id"].to_list() == ["fam_a", "fam_b", "fam_a"]
    assert set(rows["model"]) == {"scripted/plain"}
    messages = rows["messages"].to_list()[0]
    assert [message["role"] for message in messages] == ["system", "user", "assistant"]
    assert messages[2]["content"] == "Ahoy, {name}!"
    # The very message under which the character was asked.
    assert messages[:1] == introduce(G, make_characters(1).to_dicts()[0])
    assert rows["flags"].to_list() == [[], ["recites_profile"], []]


@pytest.mark.parametrize(("characters", "hub"), [(2, 3), (3, 2)])
def test_a_dialogue_whose_origin_was_replaced_is_counted(characters: int, hub: int) -> None:
    batches = list(
        make_role_play_examples(
            "dialogues_g",
            make_dialogues(3),
            make_characters(characters).lazy(),
            INSTRUCTIONS,
            Origin(HUB.head(hub)),
            TABLE,
            G,
        )
    )
    made = put_together(batches)
    assert made.rows.height == 2
    assert made.accounting.planned == 3
    assert dict(made.accounting.dropped) == {"source_gone": 1}


def test_more_rows_than_one_frame_come_in_order() -> None:
    dialogues = pl.concat([make_dialogues(3)] * 400).with_columns(dialogue_id=pl.int_range(1_200).cast(pl.String))
    batches = list(
        make_role_play_examples("d", dialogues, make_characters(3).lazy(), INSTRUCTIONS, Origin(HUB), TABLE, G)
    )
    assert len(batches) == 3
    assert put_together(batches).rows["source_row_id"].to_list() == [str(number) for number in range(1_200)]


def test_a_recipe_row_becomes_an_example_by_the_templates_of_its_file() -> None:
    made = put_together(list(make_recipe_examples(SOLUTIONS, SOLUTION_ROWS, PROBLEM_ROWS, Origin(HUB), TABLE)))
    rows = SftMix.validate(made.rows, cast=True)
    assert [[turn["content"] for turn in turns] for turns in rows["messages"].to_list()] == [
        # Generated text is data: a template in it is not filled in.
        ["How many {{ jars }}?", "2 * 3 = 6\n\nAnswer: 6 jars"],
        ["How many {% loaves %}?", "2 * 4 = 8\n\nAnswer: 8 loaves"],
    ]
    assert rows["license"].to_list() == ["CC0-1.0", "MIT"]
    assert rows["response_keys"].to_list() == [["c"], ["d"]]
    assert rows["flags"].to_list() == [["answer_differs"], []]
    assert dict(made.accounting.dropped) == {"source_gone": 1}


def make_recipe(**sft: str) -> Prompt[RecipeFile]:
    content = {
        "asset": "math_problems",
        "description": "d",
        "user": "u",
        "fields": {"problem": {"description": "x"}},
        **({"sft": sft} if sft else {}),
    }
    return Prompt("math", "v", RecipeFile.model_validate(content))


def test_a_recipe_with_a_system_text_and_no_source() -> None:
    recipe = make_recipe(system="You help {{ persona }}", user="Write.", assistant="{{ problem }}")
    rows = put_together(list(make_recipe_examples(recipe, PROBLEM_ROWS, None, Origin(HUB), TABLE))).rows
    assert rows["messages"].to_list()[0] == [
        {"role": "system", "content": "You help A cook."},
        {"role": "user", "content": "Write."},
        {"role": "assistant", "content": "How many {{ jars }}?"},
    ]


def test_a_recipe_without_templates_makes_no_examples() -> None:
    assert list(make_recipe_examples(make_recipe(), PROBLEM_ROWS, None, Origin(HUB), TABLE)) == []


def test_a_template_that_uses_an_unknown_column_is_named() -> None:
    recipe = make_recipe(user="{{ question }}", assistant="{{ problem }}")
    with pytest.raises(PromptError, match="sft part of recipe math uses a variable it is not given: 'question'"):
        list(make_recipe_examples(recipe, PROBLEM_ROWS, None, Origin(HUB), TABLE))


def test_a_talk_has_the_licences_of_both_who_speak() -> None:
    talks = next(recipe for recipe in load_recipes(PROMPTS / "recipes") if recipe.content.asset == "persona_talks")
    turns = [{"role": "user", "content": "Is this seat taken?"}, {"role": "assistant", "content": "No."}]
    rows = pl.LazyFrame(
        {
            "item_id": ["itm_6", "itm_7"],
            "persona_id": ["per_0000", "per_0000"],
            "persona": ["A cook.", "A cook."],
            "source_item_id": pl.Series([None, None], dtype=pl.String),
            "partner_id": ["per_0001", None],
            "partner": ["A baker.", "Somebody."],
            "turns": [turns, turns],
            "flags": pl.Series([[], []], dtype=pl.List(pl.String)),
            "response_keys": [["f"], ["g"]],
        }
    )
    made = put_together(list(make_recipe_examples(talks, rows, None, Origin(HUB), TABLE))).rows
    assert made["license"].to_list() == ["CC0-1.0 AND MIT", "CC0-1.0"]
    assert [message["role"] for message in made["messages"][0]] == ["system", "user", "assistant"]
    assert "A baker." in made["messages"][0][0]["content"]


def test_whoever_asked_is_the_partner_of_a_dialogue() -> None:
    own = pl.LazyFrame({"item_id": ["ins_1"], "persona_id": ["per_0002"]})
    batches = make_role_play_examples(
        "dialogues_g", make_dialogues(1), make_characters(1).lazy(), INSTRUCTIONS, Origin(HUB), TABLE, G, own
    )
    rows = put_together(list(batches)).rows
    assert rows["partner_id"].to_list() == ["per_0002"]
    assert rows["original"].to_list() == ["Good day. How can I help you?"]


def test_the_terms_of_a_model_are_found_by_its_name() -> None:
    origin = Origin(HUB, {"openai/*": "OpenAI terms", "scripted/plain": "MIT"})
    assert [origin.find_terms(name) for name in ("openai/gpt-4o", "scripted/plain", "own/x")] == [
        "OpenAI terms",
        "MIT",
        "unknown",
    ]
