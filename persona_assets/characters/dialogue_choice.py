"""Which of several candidates for a character's answers is kept."""

from collections.abc import Sequence

from persona_assets.characters.answer_flaws import share_copied, share_of_numbers_kept, share_of_words_kept
from persona_assets.characters.sessions import Session
from persona_assets.llm.agreement import Compare, rate_agreement
from persona_assets.llm.answers import count_repeated_runs
from persona_assets.llm.tasks import Values

_MOST_LIFE = 0.3
"""Cosine with the character's life up to which more of it is better; above, an answer recites it."""
_GOOD_LENGTH = 280
"""Characters of an answer that says something and does not ramble."""

_PHRASE = 4
"""Words in a row of which a listener notices that they come again."""


async def score_rewrites(
    compare: Compare, is_small: bool, session: Session, candidates: Sequence[Values]
) -> list[float]:
    """Score rewritten sessions: what they keep of the original, in other words, and of the character's life.

    Args:
        compare: measures similarities.
        is_small: whether a small model wrote them: the more one adds to the original, the less sense it makes.
        session: the original, and the character.
        candidates: `answers` of each.
    """
    texts = [" ".join(values["answers"]) for values in candidates]
    originals = " ".join(session.answers)
    meanings, lives, agreements = await _compare_with(compare, originals, _tell_life(session), texts)
    return [
        meaning
        + agreement
        + life
        + _rate_manner(values["answers"], session)
        + (_rate_additions(values["answers"], session.answers) if is_small else 0)
        for values, meaning, life, agreement in zip(candidates, meanings, lives, agreements, strict=True)
    ]


async def score_answers(
    compare: Compare, is_small: bool, turn: int, session: Session, candidates: Sequence[Values]
) -> list[float]:
    """Score answers to a question: how far they speak of it, agree with each other and come from the character's life.

    Where every question of the session has an answer, one that says the same is the better; the model never reads it.

    Args:
        compare: measures similarities.
        is_small: whether a small model wrote them, which mixes the character's life into everything.
        turn: the place of the question, from 0.
        session: the questions, and the character.
        candidates: `text` of each.
    """
    texts = [str(values["text"]) for values in candidates]
    about = session.answers[turn] if session.is_answered else session.user_turns[turn]
    meanings, lives, agreements = await _compare_with(compare, about, _tell_life(session), texts)
    if is_small:
        numbers = [share_of_numbers_kept(text, about) if session.is_answered else 0.0 for text in texts]
        repeated = [count_repeated_runs(text, _PHRASE) / 4 for text in texts]
        return [
            2 * meaning + agreement + kept - again
            for meaning, agreement, kept, again in zip(meanings, agreements, numbers, repeated, strict=True)
        ]
    return [
        meaning + agreement + life - abs(len(text) - _GOOD_LENGTH) / _GOOD_LENGTH / 2
        for text, meaning, life, agreement in zip(texts, meanings, lives, agreements, strict=True)
    ]


async def _compare_with(
    compare: Compare, about: str, life: str, texts: Sequence[str]
) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    to_about, to_life, *among = await compare([about, life, *texts])
    lives = [min(near, _MOST_LIFE) for near in to_life[2:]]
    return to_about[2:], lives, rate_agreement([row[2:] for row in among])


def _tell_life(session: Session) -> str:
    return f"{session.character['persona']} {session.character['experience']}"


def _rate_manner(answers: Sequence[str], session: Session) -> float:
    """More for what the answers keep in other words, less for what they list of the character."""
    personality = str(session.character["personality"])
    rates = [
        share_of_numbers_kept(answer, original)
        + share_of_words_kept(answer, original, few=1)
        - share_copied(answer, original) / 4
        - share_of_words_kept(answer, personality, few=1) / 2
        for answer, original in zip(answers, session.answers, strict=True)
    ]
    return sum(rates) / len(rates)


def _rate_additions(answers: Sequence[str], originals: Sequence[str]) -> float:
    """More where the words of the answers are the original's, less where a phrase comes twice."""
    rates = [
        share_of_words_kept(original, answer, few=1) - count_repeated_runs(answer, _PHRASE) / 4
        for answer, original in zip(answers, originals, strict=True)
    ]
    return sum(rates) / len(rates)
