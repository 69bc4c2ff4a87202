"""Dialogues R: the user's turns to the letter, the answers rewritten in one call."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from persona_assets.characters.rewrite import judge_rewrite, plan_rewrite, rewrite_sessions
from persona_assets.characters.sessions import Session
from persona_assets.llm.asker import Asker
from persona_assets.llm.tasks import Accepted, Rejected
from persona_assets.prompts import PromptFile, load_prompt
from persona_assets.records import Dialogues
from persona_assets.row_checks import RowChecks
from persona_assets.settings import TaskSettings
from persona_assets_tests.asking import PROMPTS, Made, ask, open_client
from persona_assets_tests.characters.people import make_session
from persona_assets_tests.scripted import teach

PROMPT = load_prompt(PROMPTS / "dialogues_r.yaml", PromptFile)
ODD = "What  is 12 * 12?\n\n```python\nprint(12 * 12)\n```\tÄ „quote“ {{ braces }} "
SESSIONS = [
    make_session(ODD, "It is 144.", "And 13 * 13?", "That would be 169 by the same rule.", number=1),
    make_session("Name a bird.", "A heron is a bird.", number=2),
]
ANSWER = "Down at the quay I would call it a plain matter of patience and rope."


def make(folder: Path, answer: Any, sessions: Sequence[Session] = SESSIONS, **task: Any) -> Made:
    model = teach(f"r-{folder.name}", answer if callable(answer) else lambda _: answer)
    return ask(folder, PROMPT, lambda asker: rewrite_sessions(asker, sessions), model, TaskSettings(**task))


def answer_each(messages: Sequence[Mapping[str, Any]]) -> str:
    number = str(messages[-1]["content"]).count("[Original answer")
    return json.dumps({f"answer_{place}": f"{place}: {ANSWER}" for place in range(1, number + 1)})


def test_the_users_turns_are_kept_to_the_letter(tmp_path: Path) -> None:
    rows = Dialogues.validate(make(tmp_path, answer_each).rows, cast=True)
    assert rows["instruction_id"].to_list() == ["ins_0001", "ins_0002"]
    assert rows["n_turns"].to_list() == [4, 2]
    assert rows["flags"].to_list() == [[], []]
    assert rows["response_keys"].list.len().to_list() == [1, 1]
    for session, turns in zip(SESSIONS, rows["turns"].to_list(), strict=True):
        assert [turn["role"] for turn in turns] == ["user", "assistant"] * len(session.user_turns)
        assert [turn["content"] for turn in turns][::2] == session.user_turns
        assert turns[1]["content"] == f"1: {ANSWER}"


def test_the_model_reads_the_whole_profile_and_session(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        asked.append(str(messages[-1]["content"]))
        return answer_each(messages)

    make(tmp_path, answer, SESSIONS[:1])
    session = SESSIONS[0]
    told = [str(value) for name, value in session.character.items() if not name.endswith("_id")]
    assert all(text in asked[0] for text in (*told, *session.answers, "{{ braces }}"))


def test_a_long_original_gets_room_to_be_rewritten(tmp_path: Path) -> None:
    def limit(answer: str, **task: int) -> int | None:
        with open_client(tmp_path) as client:
            asker = Asker(client, PROMPT, "dialogues_r", "s", TaskSettings.model_validate(task))
            return plan_rewrite(asker, make_session("Why?", answer)).request.max_tokens

    assert limit("So.") == PROMPT.content.max_tokens
    assert limit("x" * 9_000) == 6_512
    assert limit("x" * 9_000, max_tokens=700) == 700


@pytest.mark.parametrize("answers", [{"answer_1": ANSWER}, {"answer_1": ANSWER, "answer_2": "  "}])
def test_a_rewrite_with_too_few_answers_is_malformed(answers: dict[str, str], tmp_path: Path) -> None:
    assert make(tmp_path, json.dumps(answers), SESSIONS[:1]).reasons() == {"malformed": 1}


def test_flags_of_all_answers_come_together_and_leave_the_row(tmp_path: Path) -> None:
    answers = {"answer_1": "It is 144.", "answer_2": "I'm sorry, but I can't help with that."}
    made = make(tmp_path, json.dumps(answers), SESSIONS[:1])
    assert made.rows["flags"].to_list() == [["unchanged", "declines"]]
    assert dict(made.accounting.flags) == {"unchanged": 1, "declines": 1}


def test_contact_data_that_nobody_gave_refuses_the_row(tmp_path: Path) -> None:
    answer = json.dumps({"answer_1": "A heron. Ask heron@birds-online.com."})
    assert make(tmp_path, answer, SESSIONS[1:]).reasons() == {"contact_data": 1}


def test_the_name_before_an_answer_is_taken_away() -> None:
    checks = RowChecks()
    labelled = judge_rewrite(checks, SESSIONS[1], {"answer_1": "**Ruben Okafor:** A heron, if you ask me."})
    assert labelled == Accepted({"answers": ["A heron, if you ask me."], "flags": []})
    assert judge_rewrite(checks, SESSIONS[1], {"answer_1": "Ruben:"}) == Rejected("empty")
    unlike = judge_rewrite(checks, SESSIONS[1], {"answer_1": "Rubens: a painter, and a heron: a bird."})
    assert isinstance(unlike, Accepted)
    assert unlike.values["answers"] == ["Rubens: a painter, and a heron: a bird."]


def test_of_several_candidates_the_first_without_a_flag_is_kept(tmp_path: Path) -> None:
    replies = iter(["A heron is a bird.", "A heron, if you ask me."])
    made = make(tmp_path, lambda _: json.dumps({"answer_1": next(replies)}), SESSIONS[1:], candidates=2)
    assert made.rows["turns"].to_list()[0][1]["content"] == "A heron, if you ask me."
    assert made.rows["flags"].to_list() == [[]]
