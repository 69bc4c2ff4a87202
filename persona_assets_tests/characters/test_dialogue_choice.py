"""Which candidate for a character's answers is kept."""

import asyncio
from collections.abc import Mapping, Sequence

from persona_assets.characters.dialogue_choice import score_answers, score_rewrites
from persona_assets.characters.sessions import Session
from persona_assets.llm.agreement import Compare
from persona_assets_tests.characters.people import make_session

SESSION = make_session("How long is it?", "It has 3 arches and is 120 metres long.")
OPEN = make_session("How long is it?")


def compare_by(cosines: Mapping[tuple[str, str], float]) -> Compare:
    """Similarities by the first word of each text, both ways; 0 where none is given."""

    async def compare(texts: Sequence[str]) -> list[list[float]]:
        words = [text.split()[0] for text in texts]
        return [[cosines.get((one, two), cosines.get((two, one), 0.0)) for two in words] for one in words]

    return compare


def find_best_rewrite(
    session: Session, answers: Sequence[str], compare: Compare | None = None, is_small: bool = False
) -> str:
    scores = asyncio.run(
        score_rewrites(compare or compare_by({}), is_small, session, [{"answers": [one]} for one in answers])
    )
    return max(zip(scores, answers, strict=True))[1]


def find_best_answer(
    session: Session, answers: Sequence[str], compare: Compare, turn: int = 0, is_small: bool = False
) -> str:
    scores = asyncio.run(score_answers(compare, is_small, turn, session, [{"text": one} for one in answers]))
    return max(zip(scores, answers, strict=True))[1]


def test_the_rewrite_that_keeps_more_facts_is_preferred() -> None:
    whole, half = "Count 3 arches on the 120 metres, as I did.", "Some arches on 120 metres of stone, say I."
    assert find_best_rewrite(SESSION, [half, whole]) == whole


def test_the_rewrite_that_recites_the_personality_is_not_preferred() -> None:
    plain = "Count 3 arches on the 120 metres, as I did."
    reciting = f"{plain} I am patient with children, short with inspectors and proud of my silence."
    assert find_best_rewrite(SESSION, [reciting, plain]) == plain


def test_the_rewrite_that_says_the_same_in_meaning_is_preferred() -> None:
    answers = ["Three arches, 120 metres.", "Several arches, 120 metres."]
    assert find_best_rewrite(SESSION, answers, compare_by({("It", "Several"): 0.9})) == answers[1]
    assert find_best_rewrite(SESSION, answers, compare_by({("It", "Three"): 0.9})) == answers[0]


def test_of_what_a_small_model_writes_the_plain_rewrite_is_preferred() -> None:
    plain = "I count 3 arches of the bridge over 120 metres."
    adding = "I count 3 arches over 120 metres, with chocolate, violins, holidays and ministers."
    again = "I count 3 arches, and on 120 metres of the bridge, on 120 metres of the bridge, I count."
    for worse in (adding, again):
        assert find_best_rewrite(SESSION, [worse, plain], is_small=True) == plain
    # A large one may say more than the original does.
    agreed = compare_by({("It", "I"): 0.5})
    assert find_best_rewrite(SESSION, [adding, "So, 3 arches over 120."], agreed) == adding


def test_an_answer_that_agrees_with_the_original_is_preferred_and_without_one_that_speaks_of_the_question() -> None:
    answers = ["Long, as I know.", "Short, as I know."]
    cosines = {("It", "Long,"): 0.9, ("How", "Short,"): 0.9}
    assert find_best_answer(SESSION, answers, compare_by(cosines)) == answers[0]
    assert find_best_answer(OPEN, answers, compare_by(cosines)) == answers[1]


def test_a_session_of_which_an_answer_is_missing_is_judged_by_its_questions() -> None:
    session = make_session("How long is it?", "It is 120 metres long.", "Why is it so long?")
    answers = ["Wide, as I know.", "Deep, as I know."]
    assert find_best_answer(session, answers, compare_by({("Why", "Deep,"): 0.9}), turn=1) == answers[1]
    assert find_best_answer(session, answers, compare_by({("How", "Deep,"): 0.9}), turn=0) == answers[1]


def test_an_answer_that_agrees_with_the_others_is_preferred() -> None:
    answers = ["One, as I know.", "Two, as I know.", "Six, as I know."]
    assert find_best_answer(OPEN, answers, compare_by({("One,", "Two,"): 0.8, ("Two,", "Six,"): 0.8})) == answers[1]


def test_of_what_a_small_model_answers_the_life_of_the_character_does_not_count_and_numbers_do() -> None:
    answers = ["Long, of songs and ferries, say I.", "Short, and 120 metres, say I."]
    lived = compare_by({("A", "Long,"): 0.9, ("It", "Long,"): 0.1, ("It", "Short,"): 0.1})
    assert find_best_answer(SESSION, answers, lived, is_small=True) == answers[1]
    assert find_best_answer(SESSION, answers, lived) == answers[0]


def test_of_what_a_small_model_answers_what_says_something_is_preferred() -> None:
    session = make_session("How can I remember to drink enough?")
    telling = "I put a jug beside my window, and each hour the bell tells me to pour."
    for empty in (
        "I say that drinking enough is a great way to remember, and it is important.",
        "I put a jug by the jug and then put a jug by the jug, and drink enough, I remember.",
    ):
        assert find_best_answer(session, [empty, telling], compare_by({}), is_small=True) == telling


def test_a_rewrite_of_a_small_model_that_denies_something_is_not_preferred() -> None:
    denying = "I count 3 arches, not that it is not 120 metres."
    plain = "I count 3 arches on the way of 120 metres."
    assert find_best_rewrite(SESSION, [denying, plain], is_small=True) == plain


def test_of_the_life_of_the_character_something_is_better_than_nothing() -> None:
    answers = ["Home, as I know.", "Away, as I know."]
    assert find_best_answer(OPEN, answers, compare_by({("A", "Home,"): 0.4})) == answers[0]


def test_a_rewritten_session_of_a_small_model_is_as_good_as_its_worst_answer() -> None:
    originals = ("Row past seven grey stones.", "Moor beside the harbour wall.")
    session = make_session("How?", originals[0], "And then?", originals[1])
    uneven = {"answers": ["Row past seven grey stones, I say.", "Moor anywhere, I say, anywhere."]}
    even = {"answers": ["Row past some grey stones, I say.", "Moor near the harbour wall, I say."]}
    scores = asyncio.run(score_rewrites(compare_by({}), True, session, [uneven, even]))
    assert scores[1] > scores[0]
