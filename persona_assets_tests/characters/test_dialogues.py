"""Dialogues R and G: the user's turns to the letter, the answers in character."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from persona_assets.characters.dialogue_prompt import load_dialogue_prompt
from persona_assets.characters.dialogues import (
    answer_sessions,
    find_answer_flaw,
    judge_answer,
    rewrite_sessions,
)
from persona_assets.characters.rewrite_flaws import judge_rewrite
from persona_assets.characters.sessions import Session
from persona_assets.llm.asker import Asker
from persona_assets.llm.kept import share_copied
from persona_assets.llm.tasks import Accepted, Rejected
from persona_assets.records import Dialogues
from persona_assets.settings import TaskSettings
from persona_assets_tests.asking import PROMPTS, Made, ask, compare_by_length
from persona_assets_tests.characters.people import make_session
from persona_assets_tests.scripted import ScriptedReply, teach

R = load_dialogue_prompt(PROMPTS / "dialogues_r.yaml")
G = load_dialogue_prompt(PROMPTS / "dialogues_g.yaml")
ODD = "What  is 12 * 12?\n\n```python\nprint(12 * 12)\n```\tÄ „quote“ {{ braces }} "
SESSIONS = [
    make_session(ODD, "It is 144.", "And 13 * 13?", "That would be 169 by the same rule.", number=1),
    make_session("Name a bird.", "A heron is a bird.", number=2),
    make_session("Name a fish.", "A pike is a fish.", number=3),
]
ANSWER = "Down at the quay I would call it a plain matter of patience and rope."


def make(
    kind: str, folder: Path, sessions: Sequence[Session] = SESSIONS, model: str = "scripted/plain", **task: Any
) -> Made:
    prompt, make_rows = (R, rewrite_sessions) if kind == "r" else (G, answer_sessions)
    return ask(folder, prompt, lambda asker: make_rows(asker, sessions, compare_by_length), model, TaskSettings(**task))


def say(turn: Mapping[str, Any]) -> str:
    return str(turn["content"])


def instruction_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """What the last turn asks: the first of a dialogue has the character before it."""
    return say(messages[-1]).rpartition("\n\n")[2]


@pytest.mark.parametrize("kind", ["r", "g"])
def test_the_users_turns_are_kept_to_the_letter(kind: str, tmp_path: Path) -> None:
    made = make(kind, tmp_path)
    rows = Dialogues.validate(made.rows, cast=True)
    assert rows["instruction_id"].to_list() == ["ins_0001", "ins_0002", "ins_0003"]
    assert rows["n_turns"].to_list() == [4, 2, 2]
    for session, turns in zip(SESSIONS, rows["turns"].to_list(), strict=True):
        assert [turn["role"] for turn in turns] == ["user", "assistant"] * len(session.user_turns)
        assert [say(turn) for turn in turns if turn["role"] == "user"] == session.user_turns
        assert not {say(turn) for turn in turns} & set(session.answers)
    assert set(rows["license"]) == {"CC-BY-4.0"}


def test_r_keeps_the_numbers_of_the_original(tmp_path: Path) -> None:
    turns = make("r", tmp_path).rows["turns"].to_list()[0]
    assert "144" in say(turns[1])
    assert "169" in say(turns[3])


def test_r_asks_once_a_session_and_g_once_a_turn(tmp_path: Path) -> None:
    one = make("r", tmp_path, candidates=1).rows["response_keys"].list.len().to_list()
    each = make("g", tmp_path, candidates=1).rows["response_keys"].list.len().to_list()
    assert (one, each) == ([1, 1, 1], [2, 1, 1])


def test_a_rewrite_cannot_change_the_users_turn(tmp_path: Path) -> None:
    answers = {"answer_1": f"{ANSWER} 144", "answer_2": "Then 169, as every child on board knows by heart."}
    answer = json.dumps({**answers, "question_1": "Another question?"})
    turns = make("r", tmp_path, SESSIONS[:1], teach("r-extra", lambda _: answer)).rows["turns"].to_list()[0]
    assert [say(turn) for turn in turns][::2] == SESSIONS[0].user_turns


def test_a_rewrite_with_too_few_answers_is_malformed(tmp_path: Path) -> None:
    model = teach("r-few", lambda _: json.dumps({"answer_1": f"{ANSWER} 144"}))
    assert make("r", tmp_path, SESSIONS[:1], model, candidates=1).reasons() == {"malformed": 1}


def test_g_that_says_the_same_again_is_refused(tmp_path: Path) -> None:
    session = make_session("One?", "1", "Two?", "2")
    made = make("g", tmp_path, [session], teach("g-again", lambda _: ANSWER), candidates=1)
    assert made.reasons() == {"repetition": 1}
    assert dict(made.accounting.dropped) == {"unfinished_session": 1}


def test_g_carries_the_chosen_answers_through_three_turns(tmp_path: Path) -> None:
    asked: list[list[str]] = []
    answers = {
        "One?": "Ropes first, then patience, as on any quay in the world.",
        "Two?": "Two of them, and I never leave the smaller child on board alone.",
        "Three?": "At dusk I would rather sing than argue with an inspector.",
    }

    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        asked.append([say(message) for message in messages])
        return f"Ruben: {answers[instruction_of(messages)]}"

    session = make_session("One?", "1", "Two?", "2", "Three?", "3")
    rows = make("g", tmp_path, [session], teach("g-three", answer), candidates=1).rows
    assert [say(turn) for turn in rows["turns"].to_list()[0]] == [text for pair in answers.items() for text in pair]
    assert asked[2][:-5] == asked[0][:-1]
    assert asked[2][-5:] == [asked[0][-1], answers["One?"], "Two?", answers["Two?"], "Three?"]


def test_g_gives_the_character_after_the_demonstrations_and_before_the_first_instruction(tmp_path: Path) -> None:
    asked: list[Sequence[Mapping[str, Any]]] = []

    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        asked.append(messages)
        return ANSWER

    session = make_session("One?", "1")
    make("g", tmp_path, [session], teach("g-turns", answer), candidates=1)
    system, *turns = asked[0]
    assert [turn["role"] for turn in turns] == ["user", "assistant"] * len(G.content.demonstrations) + ["user"]
    assert [say(turn) for turn in turns[1::2]] == G.demonstration_texts()
    told = [str(session.character[name]) for name in ("name", "age", "persona", "experience", "personality")]
    assert all(text in say(turns[-1]) for text in told)
    assert not any(str(session.character["name"]) in say(turn) for turn in (system, *turns[:-1]))
    assert say(turns[-1]).endswith("\n\nOne?")


def test_the_demonstrations_have_none_of_the_flaws_themselves() -> None:
    for demonstration in G.content.demonstrations:
        session = make_session(str(demonstration.values["instruction"]), "Because.")
        assert find_answer_flaw(demonstration.answer_text(), session) is None
    for demonstration in R.content.demonstrations:
        assert isinstance(demonstration.answer, dict)
        told = zip(demonstration.values["questions"], demonstration.values["answers"], strict=True)
        session = make_session(*(text for pair in told for text in pair))
        assert not any(find_answer_flaw(str(answer), session) for answer in demonstration.answer.values())
        pairs = zip(demonstration.answer.values(), demonstration.values["answers"], strict=True)
        assert all(share_copied(answer, original) < 0.25 for answer, original in pairs)


@pytest.mark.parametrize(
    ("second", "dropped", "quarantined", "refused"),
    [
        (ScriptedReply("It broke off here and the", "length"), {"unfinished_session": 1}, {"truncated": 1}, 0),
        ("Well, as an AI language model I have no ferry.", {"unfinished_session": 1}, {"speaks_as_model": 1}, 0),
        ("refuse", {"unfinished_session": 1}, {}, 0),
    ],
)
def test_an_unfinished_session_is_accounted_for(
    second: str | ScriptedReply, dropped: dict[str, int], quarantined: dict[str, int], refused: int, tmp_path: Path
) -> None:
    def answer(messages: Sequence[Mapping[str, Any]]) -> str | ScriptedReply:
        if instruction_of(messages) == "One?":
            return ANSWER
        if second == "refuse":
            import litellm

            raise litellm.ContextWindowExceededError("too long", "m", "scripted")
        return second

    model = teach(f"g-unfinished-{second}", answer)
    made = make("g", tmp_path, [make_session("One?", "1", "Two?", "2")], model, candidates=1)
    assert made.rows.is_empty()
    assert dict(made.accounting.dropped) == dropped
    assert made.reasons() == quarantined
    assert made.accounting.refused.total() == refused
    assert made.accounting.parsed == 1 + made.quarantined.height


def test_a_session_that_never_got_a_reply_is_refused(tmp_path: Path) -> None:
    def answer(_: object) -> str:
        import litellm

        raise litellm.ContextWindowExceededError("too long", "m", "scripted")

    made = make("g", tmp_path, [make_session("One?", "1")], teach("g-refused", answer))
    assert dict(made.accounting.refused) == {"prompt_too_long": 1}
    assert made.accounting.answered == made.accounting.parsed == 0


@pytest.mark.parametrize("kind", ["r", "g"])
def test_a_faulty_model_loses_nothing_silently(kind: str, tmp_path: Path) -> None:
    sessions = [make_session(f"Name {index} birds.", f"There are {index} herons.", number=index) for index in range(30)]
    made = make(kind, tmp_path, sessions, "scripted/faulty", candidates=1)
    assert 0 < made.rows.height < 30
    assert made.rows.height + made.quarantined.height == 30
    assert made.quarantined["row_id"].str.contains(r"^chr_\d+\+ins_\d+$").all()


LECTURE = "The bridge stands on 3 arches. It is 120 metres long, and that makes it the longest of the region."


def test_g_that_lectures_goes_to_quarantine(tmp_path: Path) -> None:
    made = make("g", tmp_path, [make_session("How?", "So.")], teach("g-lecture", lambda _: LECTURE), candidates=1)
    assert made.rows.is_empty()
    assert made.reasons() == {"out_of_character": 1}


def test_an_answer_with_half_a_sentence_of_a_demonstration_is_refused() -> None:
    told = G.demonstration_texts()[1]
    copied = {"text": f"You sum it up, and {' '.join(told.split()[4:11])} of the whole quay, where I am at home."}
    assert judge_answer(SESSIONS[1], copied, G.demonstration_texts()) == Rejected(
        "copies_demonstration", copied["text"]
    )
    assert isinstance(judge_answer(SESSIONS[1], copied), Accepted)


@pytest.mark.parametrize("is_small", [True, False])
def test_a_small_model_may_keep_three_words_in_four(
    is_small: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Asker, "is_small", property(lambda _: is_small))
    session = make_session("How?", "Row past the 3 grey stones now")
    model = teach(f"r-kept-{is_small}", lambda _: '{"answer_1": "Row past the 3 grey stones now, I told them"}')
    made = make("r", tmp_path, [session], model, candidates=1)
    assert made.reasons() == ({} if is_small else {"unchanged": 1})


def test_a_label_is_taken_away_in_both_kinds() -> None:
    session = make_session("Name a bird.", "A heron is a bird.")
    labelled = f"Ruben Okafor: {ANSWER}"
    rewritten, answered = judge_rewrite(session, {"answer_1": labelled}), judge_answer(session, {"text": labelled})
    assert isinstance(rewritten, Accepted)
    assert isinstance(answered, Accepted)
    assert rewritten.values["answers"] == [answered.values["text"]] == [ANSWER]
