"""Conversations: each side speaks for itself, and is told which turn is its last."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from persona_assets.personas.persona_prompts import load_seed_prompt
from persona_assets.recipes.conversations import judge_turn, make_conversations, write_transcript
from persona_assets.recipes.make import Workshop
from persona_assets.recipes.recipe import Recipe
from persona_assets.recipes.sources import SourceRow
from persona_assets.row_checks import Rejected, RowChecks
from persona_assets.settings import SandboxSettings, TaskSettings
from persona_assets_tests.asking import PROMPTS, Made, ask, compare_by_length
from persona_assets_tests.recipes.riddles import write_recipe
from persona_assets_tests.scripted import Answer, teach

HUB = pl.DataFrame(
    {
        "persona_id": ["per_1", "per_2", "per_3"],
        "persona": ["A ferry pilot on a wide river.", "A baker of rye bread.", "A judge who plants pears."],
    }
)
OPENING = "How long does rye bread keep in a dry place?"
SYSTEM = "You help."
USER = """\
{{ persona }} / {{ partner }} / turn {{ turn }}{{ ' first' if is_first }}{{ ' last' if is_last }}
{{ transcript }}"""


def write(folder: Path, partner: str = "assistant", **changes: Any) -> Recipe:
    talk: dict[str, Any] = {"partner": partner, "user_turns": 2, **changes}
    if partner == "assistant":
        talk |= {"opening": OPENING, "assistant": {"system": SYSTEM, "temperature": 0.1, "max_tokens": 77}}
    return write_recipe(folder, system="You play a person.", user=USER, conversation=talk, max_tokens=33)


def talk(folder: Path, recipe: Recipe, name: str, answer: Answer, partners: pl.DataFrame = HUB, **task: Any) -> Made:
    workshop = Workshop(load_seed_prompt(PROMPTS), compare_by_length, SandboxSettings(), partners)
    model, settings = teach(name, answer), TaskSettings(**task)
    return ask(folder, recipe, lambda asker: make_conversations(asker, HUB.lazy(), workshop), model, settings)


class Speaker:
    """Says a line a turn, and keeps what it was asked."""

    def __init__(self, lines: Sequence[str] = ()) -> None:
        self.lines = lines
        self.asked: list[list[str]] = []

    def __call__(self, messages: Sequence[Mapping[str, Any]]) -> str:
        self.asked.append([str(message["content"]) for message in messages])
        last = self.asked[-1][-1]
        is_assistant = self.asked[-1][0] == SYSTEM
        said = len(messages) - 1 if is_assistant else len(re.findall(r"^(?:They|You): ", last, re.MULTILINE))
        return self.lines[said] if said < len(self.lines) else f"I say number {said} of it."


def test_a_persona_talks_with_an_assistant_from_its_opening_on(tmp_path: Path) -> None:
    recipe, speaker = write(tmp_path), Speaker(["-", "Three days, cut side down.", '"In a tin?"', "It moulds sooner."])
    rows = recipe.content.schema_class().validate(talk(tmp_path, recipe, "talk-a", speaker).rows, cast=True)
    assert rows["turns"][0].to_list() == [
        {"role": "user", "content": OPENING},
        {"role": "assistant", "content": "Three days, cut side down."},
        {"role": "user", "content": "In a tin?"},
        {"role": "assistant", "content": "It moulds sooner."},
    ]
    assert rows["n_user_turns"].to_list() == [2, 2, 2]
    assert rows["partner_id"].null_count() == 3
    # What is asked of the assistant is the same for all three, and so asked once.
    assert len(speaker.asked) == 1 + 3 + 1
    persona_turns = [asked[-1].splitlines()[0] for asked in speaker.asked if asked[0] != SYSTEM]
    assert persona_turns[0].endswith("/ turn 2 last")


def test_the_number_of_turns_is_drawn_by_row(tmp_path: Path) -> None:
    recipe = write(tmp_path, user_turns={1: 1, 3: 1, 9: 0})
    rows = talk(tmp_path, recipe, "talk-drawn", Speaker()).rows
    again = talk(tmp_path, recipe, "talk-drawn-again", Speaker()).rows
    assert set(rows["n_user_turns"]) <= {1, 3}
    assert rows["n_user_turns"].to_list() == again["n_user_turns"].to_list()


def test_two_personas_talk_each_told_of_its_first_and_last_turn(tmp_path: Path) -> None:
    recipe, speaker = write(tmp_path, "persona"), Speaker(["Is this seat taken?", "No, sit down.", "Thanks.", "Bye."])
    rows = recipe.content.schema_class().validate(talk(tmp_path, recipe, "talk-b", speaker).rows, cast=True)
    assert (rows["partner_id"] != rows["persona_id"]).all()
    assert set(rows["partner"]) <= set(HUB["persona"])
    assert [turn["content"] for turn in rows["turns"][0]] == list(speaker.lines)
    persona, partner = rows.select("persona", "partner").row(0)
    heads = [text[-1].splitlines()[0] for text in speaker.asked if persona in text[-1] and partner in text[-1]]
    assert f"{persona} / {partner} / turn 1 first" in heads
    assert f"{partner} / {persona} / turn 1" in heads
    assert f"{persona} / {partner} / turn 2 last" in heads
    assert f"{partner} / {persona} / turn 2 last" in heads


def test_whoever_has_nobody_to_talk_to_costs_nothing(tmp_path: Path) -> None:
    recipe, speaker = write(tmp_path, "persona"), Speaker()
    made = talk(tmp_path, recipe, "talk-alone", speaker, HUB.head(1))
    assert made.rows["persona_id"].to_list() == ["per_2", "per_3"]
    assert dict(made.accounting.refused) == {"no_partner": 1}
    assert dict(talk(tmp_path, recipe, "talk-none", speaker, HUB.head(0)).accounting.refused) == {"no_partner": 3}


def test_a_conversation_ends_before_a_turn_that_is_refused(tmp_path: Path) -> None:
    made = talk(tmp_path, write(tmp_path), "talk-c", Speaker(["-", "Three days.", "Mail me: ann@rye.org"]))
    assert [[turn["content"] for turn in turns] for turns in made.rows["turns"]] == [[OPENING, "Three days."]] * 3
    assert made.rows["flags"].to_list() == [["cut_short"]] * 3
    assert made.reasons() == {"contact_data": 3}
    assert not made.accounting.dropped


def test_a_conversation_without_a_whole_answer_is_no_row(tmp_path: Path) -> None:
    speaker = Speaker(["Is this seat taken?", "Mail me: ann@rye.org"])
    made = talk(tmp_path, write(tmp_path, "persona"), "talk-e", speaker)
    assert made.rows.is_empty()
    assert made.reasons() == {"contact_data": 3}
    assert dict(made.accounting.dropped) == {"unfinished_conversation": 3}


def test_flags_of_all_turns_stand_at_the_row(tmp_path: Path) -> None:
    lines = ["-", "Three days.", "I hope this helps you with the bread.", "Cut off before the end and"]
    rows = talk(tmp_path, write(tmp_path), "talk-d", Speaker([*lines[:3], f"{'It keeps. ' * 9}{lines[3]}"])).rows
    assert set(rows["flags"][0]) == {"assistant_voice", "repetition", "breaks_off"}


def test_a_letter_that_is_revised_is_no_repetition(tmp_path: Path) -> None:
    letter = "Dear neighbours, on Saturday we bake rye bread in the yard, and everybody is welcome from nine to noon."
    speaker = Speaker(["-", letter, "Make it ten, please.", letter.replace("nine", "ten")])
    assert talk(tmp_path, write(tmp_path), "talk-letter", speaker).rows["flags"].to_list() == [[], [], []]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("You: Is it far?", "Is it far?"),
        ('"Is it far?"', "Is it far?"),
        ('"Far" is not "near"', '"Far" is not "near"'),
        ("I'm sorry, I can't help you there.", "I'm sorry, I can't help you there."),
        ('""', None),
        ("Assistant: ", None),
    ],
)
def test_a_turn_is_read_without_what_is_around_it(text: str, said: str | None) -> None:
    verdict = judge_turn(text, True, SourceRow({}, 0, "", {}, {}), [], RowChecks())
    assert verdict == Rejected("empty") if isinstance(verdict, Rejected) else verdict.values["text"] == said


def test_an_assistant_is_asked_with_its_own_limits_unless_the_settings_say_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from persona_assets.llm.client import ModelClient

    limits: list[tuple[bool, int | None, float | None]] = []
    real = ModelClient.ask

    async def spy(self: ModelClient, request: Any) -> Any:
        limits.append((request.messages[0]["content"] == SYSTEM, request.max_tokens, request.temperature))
        return await real(self, request)

    monkeypatch.setattr(ModelClient, "ask", spy)
    talk(tmp_path, write(tmp_path), "talk-limits", Speaker())
    assert set(limits) == {(True, 77, 0.1), (False, 33, None)}
    limits.clear()
    talk(tmp_path, write(tmp_path), "talk-set", Speaker(), max_tokens=55, temperature=0.5)
    assert set(limits) == {(True, 55, 0.5), (False, 55, 0.5)}


def test_each_side_sees_itself_as_you() -> None:
    turns = [{"role": "user", "content": "Hi <|im_end|>"}, {"role": "assistant", "content": "Hello"}]
    assert write_transcript(turns, "user") == "You: Hi  \nThey: Hello"
    assert write_transcript(turns, "assistant") == "They: Hi  \nYou: Hello"
