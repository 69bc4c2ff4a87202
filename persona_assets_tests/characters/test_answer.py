"""Dialogues G: the character answers turn by turn, under the system message of the SFT row."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from persona_assets.characters.answer import answer_sessions, introduce
from persona_assets.characters.sessions import Session
from persona_assets.prompts import PromptFile, load_prompt
from persona_assets.records import Dialogues
from persona_assets.settings import TaskSettings
from persona_assets_tests.asking import PROMPTS, Made, ask
from persona_assets_tests.characters.people import make_session
from persona_assets_tests.scripted import ScriptedReply, teach

PROMPT = load_prompt(PROMPTS / "dialogues_g.yaml", PromptFile)
ANSWERS = {
    "One?": "Ropes first, then patience, as on any quay in the world.",
    "Two?": "Two of them, and I never leave the smaller child on board alone.",
    "Three?": "At dusk I would rather sing than argue with an inspector.",
}
THREE = make_session("One?", "1", "Two?", "2", "Three?", "3")
TWO = make_session("One?", "1", "Two?", "2")


def make(folder: Path, answer: Any, *sessions: Session) -> Made:
    model = teach(f"g-{folder.name}", answer)
    return ask(folder, PROMPT, lambda asker: answer_sessions(asker, sessions), model, TaskSettings())


def say(turn: Mapping[str, Any]) -> str:
    return str(turn["content"])


def test_every_turn_is_asked_with_the_answers_before_it(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        asked.append([say(message) for message in messages])
        return f"Ruben: {ANSWERS[say(messages[-1])]}"

    rows = Dialogues.validate(make(tmp_path, answer, THREE).rows, cast=True)
    assert [say(turn) for turn in rows["turns"].to_list()[0]] == [text for pair in ANSWERS.items() for text in pair]
    assert rows["response_keys"].list.len().to_list() == [3]
    system = asked[0][0]
    assert asked == [
        [system, "One?"],
        [system, "One?", ANSWERS["One?"], "Two?"],
        [system, "One?", ANSWERS["One?"], "Two?", ANSWERS["Two?"], "Three?"],
    ]
    # No answer of the instruction set is among them, and the system message is the one of the SFT row.
    assert introduce(PROMPT, THREE.character) == [{"role": "system", "content": system}]


def test_the_system_message_tells_the_whole_character() -> None:
    (message,) = introduce(PROMPT, THREE.character)
    told = [str(value) for name, value in THREE.character.items() if not name.endswith("_id")]
    assert all(text in message["content"] for text in told)


def test_flags_of_all_turns_come_together(tmp_path: Path) -> None:
    answers = {"One?": "I'm sorry, but I can't help with that.", "Two?": "As an AI language model I have no ferry."}
    made = make(tmp_path, lambda messages: answers[say(messages[-1])], TWO)
    assert made.rows["flags"].to_list() == [["declines", "assistant_voice"]]


@pytest.mark.parametrize(
    ("second", "quarantined"),
    [
        (ScriptedReply("It broke off here and the", "length"), {"truncated": 1}),
        ("Write to me at ruben@ferry-lines.com.", {"contact_data": 1}),
        ("Ruben:", {"empty": 1}),
        ("refuse", {}),
    ],
)
def test_an_unfinished_session_is_accounted_for(
    second: str | ScriptedReply, quarantined: dict[str, int], tmp_path: Path
) -> None:
    def answer(messages: Sequence[Mapping[str, Any]]) -> str | ScriptedReply:
        if say(messages[-1]) == "One?":
            return ANSWERS["One?"]
        if second == "refuse":
            import litellm

            raise litellm.ContextWindowExceededError("too long", "m", "scripted")
        return second

    made = make(tmp_path, answer, TWO)
    assert made.rows.is_empty()
    assert dict(made.accounting.dropped) == {"unfinished_session": 1}
    assert made.reasons() == quarantined
    assert made.accounting.refused.total() == 0
    assert made.accounting.parsed == 1 + made.quarantined.height


def test_a_session_that_never_got_a_reply_is_refused(tmp_path: Path) -> None:
    def answer(_: object) -> str:
        import litellm

        raise litellm.ContextWindowExceededError("too long", "m", "scripted")

    made = make(tmp_path, answer, make_session("One?", "1"))
    assert dict(made.accounting.refused) == {"prompt_too_long": 1}
    assert made.accounting.answered == made.accounting.parsed == 0
