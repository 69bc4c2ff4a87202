"""How characters speak for whom a model only goes on."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from persona_assets.characters.answer_flaws import find_answer_flaw
from persona_assets.characters.dialogue_prompt import load_dialogue_prompt
from persona_assets.characters.profile_prompt import load_profile_prompt
from persona_assets.characters.voices import Habit, Openings, Voices, read_voices
from persona_assets.errors import PromptError
from persona_assets_tests.asking import PROMPTS
from persona_assets_tests.characters.people import make_character, make_session

VOICES = read_voices(PROMPTS / "voices.yaml")[1]
PERSONA = "A ferry captain from a canal city who collects folk songs."
CAPTAIN = {"persona": PERSONA, "birthplace": "a river port"}
SOMEBODY = {"persona": "Somebody unknown.", "birthplace": "Alexandria, Egypt"}
HABITS = Voices(
    habits={
        "bargains for sport": Habit(before=("Make me an offer.", "And what do I get?")),
        "forgives slowly": Habit(before=("Sit down.",), after=("I forget nothing.",)),
    }
)
BARGAINS = {**CAPTAIN, "personality": "He Bargains for sport, but loses his temper."}
BOTH = {**CAPTAIN, "personality": "He bargains for sport, but forgives slowly."}


def draw_firsts(voices: Voices, character: dict[str, str], question: str = "Why?") -> list[str]:
    """The first openings of many sessions of a character."""
    drawn = (voices.draw_openings(f"chr_1+ins_{number}", character, [question]) for number in range(40))
    return [opening for (opening,) in drawn]


def test_openings_are_drawn_by_the_pair_and_name_the_calling() -> None:
    drawn = draw_firsts(VOICES, CAPTAIN)
    assert drawn == draw_firsts(VOICES, CAPTAIN)
    assert len(set(drawn)) > 4
    assert all("a ferry captain" in opening for opening in drawn)


def test_where_the_calling_is_not_known_the_birthplace_is_named() -> None:
    drawn = draw_firsts(VOICES, SOMEBODY)
    assert len(set(drawn)) > 1
    assert all("Alexandria, Egypt" in opening and "{{" not in opening for opening in drawn)
    assert VOICES.draw_openings("chr_1+ins_1", {"persona": "Somebody unknown."}, ["Why?"]) == []


def test_each_answer_of_a_session_has_its_own_opening() -> None:
    openings = VOICES.draw_openings("chr_1+ins_1", CAPTAIN, ["Why?", "Where?", "When?"])
    assert len(openings) == 3
    assert openings[0] not in VOICES.openings.later
    assert set(openings[1:]) <= set(VOICES.openings.later)


@pytest.mark.parametrize(
    ("question", "wants_advice"),
    [
        ("How do I boil potatoes?", True),
        ("I moved. What should I do now?", True),
        ("What is the best way to paint a wall?", True),
        ("Can you give me some tips on how to sleep?", True),
        ("Why is the sea salty?", False),
        ("How does the tide know when to turn?", False),
        ("What makes a good garden?", False),
    ],
)
def test_who_asks_what_to_do_is_told_what_to_do(question: str, wants_advice: bool) -> None:
    advice = VOICES.advice_openings
    assert advice
    openings = advice if wants_advice else VOICES.openings
    firsts = {one.replace("{{ calling }}", "a ferry captain") for one in openings.first}
    assert set(draw_firsts(VOICES, CAPTAIN, question)) <= firsts
    assert VOICES.draw_openings("chr_1+ins_1", CAPTAIN, ["Why?", question])[1] in openings.later
    without = VOICES.model_copy(update={"advice_openings": None})
    assert VOICES.openings.later[0] in {
        without.draw_openings(f"chr_1+ins_{number}", CAPTAIN, ["Why?", question])[1] for number in range(9)
    }


def test_voices_without_openings_begin_nothing() -> None:
    assert Voices().draw_openings("chr_1+ins_1", CAPTAIN, ["How do I sail?"]) == []
    first_only = Voices(openings=Openings(first=VOICES.openings.first))
    assert first_only.draw_openings("chr_1+ins_1", CAPTAIN, ["Why?", "Where?"]) == []
    assert len(first_only.draw_openings("chr_1+ins_1", CAPTAIN, ["Why?"])) == 1


def test_what_somebody_is_in_the_habit_of_saying_stands_around_the_answers() -> None:
    drawn = {tuple(HABITS.add_habits(f"chr_1+ins_{number}", BOTH, ["Wait.", "Then go."])) for number in range(40)}
    befores = ("Make me an offer.", "And what do I get?", "Sit down.")
    assert drawn == {(f"{before} Wait.", "Then go. I forget nothing.") for before in befores}


def test_one_answer_has_both() -> None:
    assert HABITS.add_habits("chr_1+ins_1", BOTH, ["Wait."])[0].endswith(" Wait. I forget nothing.")
    assert HABITS.add_habits("chr_1+ins_1", BARGAINS, ["Wait."])[0].endswith(" Wait.")


def test_who_has_no_such_habit_says_nothing_more() -> None:
    assert HABITS.add_habits("chr_1+ins_1", {**CAPTAIN, "personality": "He is kind."}, ["Wait."]) == ["Wait."]
    assert HABITS.add_habits("chr_1+ins_1", CAPTAIN, ["Wait."]) == ["Wait."]
    assert Voices().add_habits("chr_1+ins_1", BOTH, ["Wait."]) == ["Wait."]


def test_a_program_keeps_its_lines() -> None:
    code = "```python\nprint(1)\n```"
    before, *rest = HABITS.add_habits("chr_1+ins_1", BOTH, [code])[0].split("\n\n")
    assert before in ("Make me an offer.", "And what do I get?", "Sit down.")
    assert rest == [code, "I forget nothing."]


def list_sentences() -> Iterator[str]:
    for habit in VOICES.habits.values():
        yield from (*habit.before, *habit.after)


def test_every_manner_and_weakness_that_is_drawn_has_a_way_of_speaking() -> None:
    hints = load_profile_prompt(PROMPTS).content.hints
    assert set(VOICES.habits) == {*hints.manner, *hints.weakness}
    assert all(VOICES.habits[manner].before for manner in hints.manner)
    assert all(VOICES.habits[weakness].after for weakness in hints.weakness)


def test_no_two_of_them_speak_alike() -> None:
    sentences = list(list_sentences())
    assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("sentence", list(list_sentences()))
def test_what_they_say_is_whole_and_no_assistants(sentence: str) -> None:
    assert re.fullmatch(r"[A-Z].*[.!?]", sentence)
    session = make_session("How do I cook rice?", "Wash it and cook it for 12 minutes.")
    for said in (f"{sentence} I would tell you to wash it.", f"I would tell you to wash it. {sentence}"):
        assert find_answer_flaw(said, session) is None


@pytest.mark.parametrize("words", VOICES.habits)
def test_nobody_recites_the_personality(words: str) -> None:
    told = [make_character()["persona"], f"She {words}, but {words}."]
    said = " ".join((*VOICES.habits[words].before, *VOICES.habits[words].after)).casefold()
    assert all(text.casefold() not in said for text in told)
    assert words not in said


def test_an_edit_of_the_voices_is_another_version_of_the_prompts_that_take_them_in(tmp_path: Path) -> None:
    for name in ("dialogues_r.yaml", "dialogues_g.yaml", "voices.yaml"):
        (tmp_path / name).write_bytes((PROMPTS / name).read_bytes())
    before = [load_dialogue_prompt(tmp_path / f"dialogues_{kind}.yaml") for kind in "rg"]
    assert [one.content.voices for one in before] == [VOICES, VOICES]
    (tmp_path / "voices.yaml").write_text("openings: {first: [I say that]}\n")
    after = [load_dialogue_prompt(tmp_path / f"dialogues_{kind}.yaml") for kind in "rg"]
    assert all(one.version != other.version for one, other in zip(before, after, strict=True))
    assert after[0].content.voices == Voices(openings=Openings(first=("I say that",)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "habits:\n  is shy:\n    befor: [Oh.]\n",
            r"voices\.yaml is not well formed\. habits\.is shy\.befor \(line 3\)",
        ),
        (None, r"voices\.yaml is missing"),
    ],
)
def test_voices_that_are_wrong_are_named_by_file_and_line(text: str | None, message: str, tmp_path: Path) -> None:
    (tmp_path / "dialogues_r.yaml").write_bytes((PROMPTS / "dialogues_r.yaml").read_bytes())
    if text:
        (tmp_path / "voices.yaml").write_text(text)
    with pytest.raises(PromptError, match=message):
        load_dialogue_prompt(tmp_path / "dialogues_r.yaml")
