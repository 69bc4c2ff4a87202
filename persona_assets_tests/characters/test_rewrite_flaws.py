"""What is wrong with rewritten answers: nothing changed, facts lost, out of character."""

from dataclasses import replace

import pytest

from persona_assets.characters.rewrite_flaws import NEARNESS_OF_SMALL, judge_rewrite
from persona_assets.characters.voices import Habit, Voices
from persona_assets.llm.tasks import Accepted, Rejected
from persona_assets_tests.characters.people import make_session


@pytest.mark.parametrize(
    ("reason", "answer"),
    [
        ("unchanged", "My bridge  has 3 arches and is 120 metres long."),
        ("loses_facts", "It has some arches, and it is longer than my ferry by far."),
        ("too_short", "Ask the mayor."),
        ("unchanged", "Well, I say: my bridge has 3 arches and is 120 metres long."),
        ("out_of_character", "It counts 3 arches, and the whole of it stretches over 120 metres."),
        ("speaks_as_model", "As an AI language model I count 3 arches on 120 metres."),
        ("speaks_for_user", "It has 3 arches on 120 metres.\nUser: And how high is it?"),
        ("repetition", "3 arches, arches arches, on 120 metres of stone."),
        ("recites_profile", "I sailed: he sailed on grain barges for nine years and then bought 3 arches of 120."),
        ("recites_profile", "I am a ferry captain from a canal city who sails 3 arches of 120."),
        ("repeats_user", "Tell me please how long the old bridge over the river in our town is: 3 arches, 120."),
    ],
)
def test_each_flaw_of_a_rewrite_has_its_word(reason: str, answer: str) -> None:
    question = "Tell me please how long the old bridge over the river in our town is?"
    session = make_session(question, "My bridge has 3 arches and is 120 metres long.")
    verdict = judge_rewrite(session, {"answer_1": answer})
    assert isinstance(verdict, Rejected)
    assert verdict.reason == reason


def test_a_rewrite_with_phrases_of_the_demonstrations_is_refused() -> None:
    session = make_session("How long is it?", "It is 120 metres long.")
    shown = ["I hang a picture upon every name, and write it in my little booklet."]
    borrowed = {"answer_1": "I say 120 metres, hang a picture upon every rope, and use my little booklet."}
    verdict = judge_rewrite(session, borrowed, shown)
    assert isinstance(verdict, Rejected)
    assert verdict.reason == "copies_demonstration"
    assert isinstance(judge_rewrite(session, borrowed), Accepted)


def test_a_rewrite_that_speaks_of_something_else_loses_the_facts() -> None:
    original = "Freeze bread in slices and never store opened loaves inside plastic wrapping during summer months."
    verdict = judge_rewrite(make_session("How?", original), {"answer_1": "I like my ferry, and the quay at dusk."})
    assert verdict == Rejected("loses_facts", "it speaks of something else")


def test_a_rewrite_may_keep_six_words_in_ten() -> None:
    answer = "Row past the 3 grey stones now, I told them"
    kept = judge_rewrite(make_session("How?", "Row past the 3 grey stones"), {"answer_1": answer})
    assert isinstance(kept, Accepted)
    more = judge_rewrite(make_session("How?", "Row past the 3 grey stones now"), {"answer_1": answer})
    assert more == Rejected("unchanged", "70% stands word for word in the original")


def test_what_a_character_says_around_an_answer_is_no_copy() -> None:
    session = make_session("How?", "Row past the 3 grey stones now")
    answer = {"answer_1": "Row past the 3 grey stones now, I told them"}
    voices = Voices(habits={"patient with children": Habit(before=("Come and sit down here.",))})
    assert judge_rewrite(session, answer, voices=voices) == Accepted({"answers": list(answer.values())})
    stranger = replace(session, character={**session.character, "personality": "Short with inspectors."})
    assert isinstance(judge_rewrite(stranger, answer, voices=voices), Rejected)


def test_a_rewrite_that_is_far_shorter_than_the_original_is_refused() -> None:
    session = make_session("Why?", "Because of the river and of the many ships. " * 10)
    assert judge_rewrite(session, {"answer_1": "Because of all the ships."}) == Rejected(
        "too_short", "Because of all the ships."
    )


def test_facts_are_counted_over_the_whole_session() -> None:
    session = make_session("Where?", "In the harbour, of course.", "How many?", "There are 17 of them.")
    answers = {"answer_1": "Down in the harbour, where else.", "answer_2": "More than I have fingers, surely."}
    # The first answer has no number to lose, so half of the session's facts are kept.
    assert isinstance(judge_rewrite(session, answers), Accepted)


def test_a_small_model_keeps_more_of_the_words() -> None:
    session = make_session("What for?", "Bread, fruit or porridge keep you awake until the evening.")
    vague = {"answer_1": "I say that it keeps you fresh, and so say my sailors on the evening boat, my friend."}
    assert isinstance(judge_rewrite(session, vague), Accepted)
    verdict = judge_rewrite(session, vague, nearness=NEARNESS_OF_SMALL)
    assert verdict == Rejected("loses_facts", "it speaks of something else")
    faithful = {"answer_1": "I say that with bread, fruit or porridge you stay awake until the evening bell."}
    assert isinstance(judge_rewrite(session, faithful, nearness=NEARNESS_OF_SMALL), Accepted)
