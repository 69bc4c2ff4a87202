"""Conversations: each side speaks for itself, and the talk ends when it should."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from persona_assets.llm.outcomes import Accepted, Rejected
from persona_assets.personas.persona_prompts import load_seed_prompt
from persona_assets.recipes.conversations import judge_turn, make_conversations, write_transcript
from persona_assets.recipes.load import load_recipes
from persona_assets.recipes.make import Workshop
from persona_assets.settings import SandboxSettings
from persona_assets_tests.asking import PROMPTS, Made, ask, compare_by_length
from persona_assets_tests.scripted import teach

RECIPES = {recipe.content.asset: recipe for recipe in load_recipes(PROMPTS / "recipes")}
HUB = pl.DataFrame(
    {
        "persona_id": ["per_1", "per_2", "per_3"],
        "persona": ["A ferry pilot on a wide river.", "A baker of rye bread.", "A judge who plants pears."],
    }
)
INSTRUCTIONS = HUB.with_columns(
    item_id=pl.format("itm_{}", pl.col("persona_id")),
    instruction=pl.lit("How long does rye bread keep in a dry place?"),
)
Talk = Callable[[Sequence[Mapping[str, Any]]], str]


def talk(folder: Path, asset: str, model: str, **task: Any) -> Made:
    from persona_assets.settings import TaskSettings

    rows = INSTRUCTIONS if RECIPES[asset].content.reads == "instructions" else HUB
    workshop = Workshop(load_seed_prompt(PROMPTS), compare_by_length, SandboxSettings(), HUB)
    settings = TaskSettings(**{"candidates": 1, **task})
    return ask(folder, RECIPES[asset], lambda asker: make_conversations(asker, rows.lazy(), workshop), model, settings)


def script(lines: Sequence[str]) -> Talk:
    """Says a line a turn; which, the number of turns of the talk says."""

    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        is_assistant = str(messages[0]["content"]).startswith("You are a helpful assistant.")
        said = (
            len(messages) - 1
            if is_assistant
            else str(messages[-1]["content"]).count("\nThey:") + str(messages[-1]["content"]).count("\nYou:")
        )
        return lines[said] if said < len(lines) else "[END]"

    return answer


def test_a_persona_talks_with_an_assistant_until_it_has_what_it_wanted(tmp_path: Path) -> None:
    lines = ["-", "Three days, cut side down.", "And in a tin with holes?", "In a tin it moulds sooner.", "[END]"]
    rows = (
        RECIPES["conversations"]
        .content.schema_class()
        .validate(talk(tmp_path, "conversations", teach("talk-a", script(lines))).rows, cast=True)
    )
    assert rows["turns"][0].to_list() == [
        {"role": "user", "content": "How long does rye bread keep in a dry place?"},
        {"role": "assistant", "content": "Three days, cut side down."},
        {"role": "user", "content": "And in a tin with holes?"},
        {"role": "assistant", "content": "In a tin it moulds sooner."},
    ]
    assert rows["is_ended"].all()
    assert rows["n_user_turns"].to_list() == [2, 2, 2]
    assert rows["source_item_id"].to_list() == INSTRUCTIONS["item_id"].to_list()
    assert rows["partner_id"].null_count() == 3


def test_it_is_cut_off_after_the_turns_that_it_may_have(tmp_path: Path) -> None:
    lines = ["-", *(f"Say number {n} of the {n * 7} that I know about it." for n in range(20))]
    rows = talk(tmp_path, "conversations", teach("talk-b", script(lines))).rows
    assert rows["n_user_turns"].to_list() == [3, 3, 3]
    assert not rows["is_ended"].any()
    assert all(turns[-1]["role"] == "assistant" for turns in rows["turns"].to_list())


def test_two_personas_talk_and_neither_with_itself(tmp_path: Path) -> None:
    lines = ["Is this seat taken?", "No, sit down.", "I come from the river.", "I come from the oven."]
    rows = (
        RECIPES["persona_talks"]
        .content.schema_class()
        .validate(talk(tmp_path, "persona_talks", teach("talk-c", script(lines))).rows, cast=True)
    )
    assert rows.height == 3
    assert (rows["partner_id"] != rows["persona_id"]).all()
    assert set(rows["partner"]) <= set(HUB["persona"])
    assert [turn["content"] for turn in rows["turns"][0]] == lines


def test_a_partner_who_has_nothing_to_say_ends_it_before_the_last_turn(tmp_path: Path) -> None:
    rows = talk(
        tmp_path, "persona_talks", teach("talk-d", script(["Hello there.", "Good day to you.", "I must go."]))
    ).rows
    assert [turn["content"] for turn in rows["turns"][0]] == ["Hello there.", "Good day to you."]
    assert rows["is_ended"].all()


def test_an_unanswered_first_turn_is_no_conversation(tmp_path: Path) -> None:
    made = talk(tmp_path, "conversations", teach("talk-e", lambda _: "I'm sorry, but I can't help with that."))
    assert made.rows.is_empty()
    assert made.reasons() == {"refused": 3}


@pytest.mark.parametrize(
    ("turns", "role", "text", "wanted"),
    [
        ([], "user", "You: Is it far?", Accepted({"text": "Is it far?", "has_ended": False})),
        ([], "user", "[END]", "ends_at_once"),
        (["a", "b"], "user", "Thanks. [END]", Accepted({"text": "", "has_ended": True})),
        (["a", "b"], "user", "As an AI language model I wonder.", "speaks_as_model"),
        (
            ["one two three four five six seven eight nine ten", "b"],
            "user",
            "one two three four five six seven eight nine ten",
            "repetition",
        ),
        (["a"], "assistant", '""', "empty"),
    ],
)
def test_a_turn_is_judged(turns: list[str], role: str, text: str, wanted: Accepted | str) -> None:
    said = [{"role": "user" if place % 2 == 0 else "assistant", "content": one} for place, one in enumerate(turns)]
    verdict = judge_turn(said, role, "[END]", {"text": text})
    if isinstance(verdict, Rejected):
        assert verdict.reason == wanted
    else:
        assert verdict == wanted


def test_an_assistant_may_write_the_mark(tmp_path: Path) -> None:
    verdict = judge_turn([{"role": "user", "content": "How do I end it?"}], "assistant", "", {"text": "Write [END]."})
    assert verdict == Accepted({"text": "Write [END].", "has_ended": False})


def test_each_side_sees_itself_as_you() -> None:
    turns = [{"role": "user", "content": "Hi <|im_end|>"}, {"role": "assistant", "content": "Hello"}]
    assert write_transcript(turns, "user") == "You: Hi  \nThey: Hello"
    assert write_transcript(turns, "assistant") == "They: Hi  \nYou: Hello"
