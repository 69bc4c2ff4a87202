"""How a character's answers are begun for a model that goes on with them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from persona_assets.characters.dialogue_prompt import load_dialogue_prompt
from persona_assets.characters.dialogues import (
    answer_sessions,
    rewrite_model,
    rewrite_sessions,
    write_pattern,
)
from persona_assets.errors import PromptError
from persona_assets.llm.asker import Asker
from persona_assets.llm.json_regex import to_regex
from persona_assets.llm.structured import answer_schema
from persona_assets.settings import TaskSettings
from persona_assets.yaml_files import read_yaml
from persona_assets_tests.asking import PROMPTS, ask, compare_by_length
from persona_assets_tests.characters.people import make_session
from persona_assets_tests.scripted import ScriptedReply, teach

R = load_dialogue_prompt(PROMPTS / "dialogues_r.yaml")
G = load_dialogue_prompt(PROMPTS / "dialogues_g.yaml")
ONE = TaskSettings(candidates=1)
PERSONA = "A ferry captain from a canal city who collects folk songs."


@pytest.fixture
def continuing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model goes on with what is begun, as embedded ones do."""
    monkeypatch.setattr(Asker, "continues_answers", property(lambda _: True))


def test_g_asks_a_model_whose_answers_are_begun_in_few_words() -> None:
    assert G.content.begun
    content = G.content.with_begun_answers()
    assert content.max_tokens == G.content.begun.max_tokens < G.content.max_tokens
    told = replace(G, content=content).render(instruction="How?", character={"persona": PERSONA})
    assert [message["content"] for message in told] == [G.content.begun.system, "How?"]


def test_r_tells_what_was_said_to_a_model_whose_answers_are_begun() -> None:
    told = replace(R, content=R.content.with_begun_answers()).render(
        questions=["How?", "And then?"], answers=["So.", "Thus."], character={"persona": PERSONA}
    )
    assert [message["role"] for message in told] == ["system", "user"]
    assert told[1]["content"].splitlines() == [
        "I asked: How?",
        "The answer was: So.",
        "",
        "I asked then: And then?",
        "The answer was: Thus.",
        "",
        "Say it in new sentences, the way you would say it to a friend.",
    ]


@pytest.mark.parametrize("removed", ["voices", "begun"])
def test_answers_are_begun_with_a_request_and_openings(removed: str, tmp_path: Path) -> None:
    values = {key: value for key, value in read_yaml(PROMPTS / "dialogues_g.yaml")[1].items() if key != removed}
    (tmp_path / "voices.yaml").write_bytes((PROMPTS / "voices.yaml").read_bytes())
    file = tmp_path / "dialogues_g.yaml"
    file.write_text(yaml.safe_dump(values))
    with pytest.raises(PromptError, match="begun and voices"):
        load_dialogue_prompt(file)


def test_a_file_that_begins_no_answers_asks_every_model_the_same(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("description: Mine.\nuser: '{{ instruction }}'\n")
    content = load_dialogue_prompt(file).content
    assert content.with_begun_answers() == content


@pytest.mark.parametrize("opening", ["Being a baker, I say that", "I am no C++ (or C#) man. Yet:", "Who asks? I do!"])
def test_a_rewrite_begins_as_it_was_drawn(opening: str) -> None:
    patterns = write_pattern(opening, "It takes 2.5 hours."), write_pattern("Then", "Wait.")
    model = rewrite_model(2, patterns)
    answers = {"answer_1": f"{opening} rope and 2.5 hours do it.", "answer_2": "Then the tide will do the rest of it."}
    assert model.model_validate(answers).model_dump() == answers
    assert re.fullmatch(to_regex(answer_schema(model)), json.dumps(answers))
    with pytest.raises(ValidationError):
        model.model_validate({**answers, "answer_1": "Something else, and long enough to be one."})


@pytest.mark.parametrize(
    ("original", "most"), [("Wait.", 1), ("One. Two! Three?", 3), ("First\n- one\n- two.", 3), ("", 1)]
)
def test_a_rewrite_has_no_more_sentences_than_the_original(original: str, most: int) -> None:
    pattern = write_pattern("Then", original)
    begun = "Then I take 3.5 metres of the grey rope."
    assert re.match(pattern, begun + " So it holds." * (most - 1))
    assert not re.match(pattern, begun + " So it holds." * most)
    assert not re.match(pattern, begun.removesuffix("."))
    assert not re.match(pattern, "Then I take all of it.5 ropes are enough for me.")
    assert re.fullmatch(pattern, "Then I take version 1.12.3 of the log.")


@pytest.mark.parametrize(
    ("sentence", "is_one"),
    [
        ("the 2,000 that you save, or 1.5 times as much; last.", True),
        ("the tide is high, and so on" + ", and so on" * 40 + ".", True),
        ("the tide is easy to,bly,understand.", False),
        ("the tide comes twice a day, allowing,.", False),
    ],
)
def test_a_sentence_of_a_rewrite_is_not_broken_off_and_its_words_stand_apart(sentence: str, is_one: bool) -> None:
    assert bool(re.fullmatch(write_pattern("I know that", "So."), f"I know that {sentence}")) is is_one


@pytest.mark.usefixtures("continuing")
def test_g_is_given_the_opening_and_its_answers_hold_it(tmp_path: Path) -> None:
    asked: list[Sequence[Mapping[str, Any]]] = []

    def answer(messages: Sequence[Mapping[str, Any]]) -> str:
        asked.append(list(messages))
        return f"you take rope number {len(asked)} and wait for the tide."

    session = make_session("One?", "1", "Two?", "2")
    model = teach("g-begun", answer)
    rows = ask(tmp_path, G, lambda asker: answer_sessions(asker, [session], compare_by_length), model, ONE).rows
    first, second = G.content.voices.draw_openings(session.row_id, session.character, session.user_turns)
    turns = [turn["content"] for turn in rows["turns"].to_list()[0]]
    wanted = [f"{first} you take rope number 1 and wait for the tide.", f"{second} you take rope number 2 and wait for"]
    assert turns[1] == wanted[0]
    assert turns[3].startswith(wanted[1])
    assert [messages[-1] for messages in asked] == [
        {"role": "assistant", "content": first},
        {"role": "assistant", "content": second},
    ]
    assert [message["content"] for message in asked[1][-4:-1]] == [asked[0][-2]["content"], turns[1], "Two?"]


@pytest.mark.usefixtures("continuing")
def test_a_program_is_rewritten_without_an_opening(tmp_path: Path) -> None:
    code = "```python\nprint(1)\n```"
    session = make_session("How do I print?", f"Like this:\n{code}")
    model = teach("r-code", lambda _: json.dumps({"answer_1": f"I do it the way I tie a rope for you:\n{code}"}))
    made = ask(tmp_path, R, lambda asker: rewrite_sessions(asker, [session], compare_by_length), model, ONE)
    assert made.rows.height == 1


@pytest.mark.usefixtures("continuing")
def test_a_rewrite_that_says_what_the_model_was_told_to_do_is_refused(tmp_path: Path) -> None:
    session, begun = make_session("One?", "Use the rope."), replace(R, content=R.content.with_begun_answers())
    (opening,) = R.content.voices.draw_openings(session.row_id, session.character, session.user_turns)
    told = begun.content.system.removeprefix("You say ").removesuffix(".")
    model = teach("r-told", lambda _: json.dumps({"answer_1": f"{opening} {told} you use the rope."}))
    made = ask(tmp_path, begun, lambda asker: rewrite_sessions(asker, [session], compare_by_length), model, ONE)
    assert set(made.reasons()) == {"copies_demonstration"}


@pytest.mark.usefixtures("continuing")
@pytest.mark.parametrize(("text", "rows"), [("you take a rope. Then you wait. And th", 1), ("you take a ro", 0)])
def test_an_answer_that_is_cut_off_in_a_later_sentence_is_none_the_worse(text: str, rows: int, tmp_path: Path) -> None:
    model = teach(f"g-cut-{rows}", lambda _: ScriptedReply(text, "length"))
    session, begun = make_session("One?", "Rope."), replace(G, content=G.content.with_begun_answers())
    made = ask(tmp_path, begun, lambda asker: answer_sessions(asker, [session], compare_by_length), model, ONE)
    assert made.rows.height == rows
    assert set(made.reasons()) == (set() if rows else {"truncated"})
    assert all(turns[1]["content"].endswith("Then you wait.") for turns in made.rows["turns"])


@pytest.mark.usefixtures("continuing")
@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("you sail upstream in a gale.", {"says_nothing"}),
        ("you reef the mainsail before you sail upstream in a gale.", {}),
        ("you need 14 ropes.", {}),
    ],
)
def test_an_answer_of_a_small_model_that_says_the_question_again_says_nothing(
    text: str, reasons: set[str], tmp_path: Path
) -> None:
    model = teach(f"g-nothing-{text}", lambda _: text)
    session, begun = (
        make_session("What is sailing upstream in a gale?"),
        replace(G, content=G.content.with_begun_answers()),
    )
    made = ask(tmp_path, begun, lambda asker: answer_sessions(asker, [session], compare_by_length), model, ONE)
    assert set(made.reasons()) == set(reasons)


@pytest.mark.usefixtures("continuing")
@pytest.mark.parametrize(
    ("original", "reasons"),
    [
        ("It takes 14 months.", {}),
        ("It takes 15 months.", {"wrong_numbers"}),
        ("7 coins take 15 months.", {"wrong_numbers"}),
        ("7 coins take 14 months.", {}),
        ("Long.", {}),
        ("", {}),
    ],
)
def test_what_a_small_model_reckons_is_compared_with_the_original(
    original: str, reasons: set[str], tmp_path: Path
) -> None:
    model = teach(f"g-reckons-{original}", lambda _: "you save 7 coins for 14 months.")
    session, begun = (
        make_session("How long do I save 7 coins?", *filter(None, [original])),
        replace(G, content=G.content.with_begun_answers()),
    )
    made = ask(tmp_path, begun, lambda asker: answer_sessions(asker, [session], compare_by_length), model, ONE)
    assert set(made.reasons()) == set(reasons)
