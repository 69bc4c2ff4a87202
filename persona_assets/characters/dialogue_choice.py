"""Which of several candidates for a character's answers is kept."""

import re
from collections.abc import Sequence

from persona_assets.characters.sessions import Session
from persona_assets.llm.agreement import Compare, rate_agreement
from persona_assets.llm.answers import count_repeated_runs
from persona_assets.llm.kept import count_new_words, share_copied, share_of_numbers_kept, share_of_words_kept
from persona_assets.llm.tasks import Values

_MOST_LIFE = 0.3
"""Cosine with the character's life up to which more of it is better; above, an answer recites it."""
_GOOD_LENGTH = 280
"""Characters of an answer that says something and does not ramble."""

_PHRASE = 4
"""Words in a row of which a listener notices that they come again."""

_MANY_NEW = 8
"""Words that a question does not have, of which an answer has enough."""

# That something is important, or takes several steps, answers no question.
_PLATITUDE = re.compile(
    r"\b(?:is|are|be|involves?|requires?)\s+(?:(?:a|an|the|also|very|really|quite|one|of|several|many|some|both|such)\s+)*"
    r"(?:great|good|excellent|wonderful|essential|crucial|important|vital|key|necessary|challenging|rewarding|complex"
    r"|simple|common|valuable|significant|journey|process|steps|strategies|factors)\b"
    r"|\b(?:several|some|a few|following)\s+(?:(?:key|important|simple|basic)\s+)?"
    r"(?:steps|things|factors|strategies|ways)\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(r"\b(?:not|never|no|cannot)\b|n['’]t\b", re.IGNORECASE)


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
        + _rate_manner(values["answers"], session)
        + (2 * _rate_faith(values["answers"], session.answers) if is_small else life)
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
        asked = session.user_turns[turn]
        numbers = [share_of_numbers_kept(text, about, asked) if session.is_answered else 0.0 for text in texts]
        told = [_rate_telling(text, session) for text in texts]
        # What is nearest to a question says it again.
        weight = 2 if session.is_answered else 1
        return [
            weight * meaning + agreement + kept + telling
            for meaning, agreement, kept, telling in zip(meanings, agreements, numbers, told, strict=True)
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


def _rate_telling(answer: str, session: Session) -> float:
    """More for what no question says already, less for platitudes and for phrases that come twice."""
    new, all_words = count_new_words(answer, session.user_turns), count_new_words(answer, ())
    told = min(new, _MANY_NEW) / _MANY_NEW / 2 + new / max(1, all_words)
    return told - len(_PLATITUDE.findall(answer)) / 4 - count_repeated_runs(answer, _PHRASE) / 4


def _rate_faith(answers: Sequence[str], originals: Sequence[str]) -> float:
    """More where nothing is added, and nothing left out of any answer: a session is as good as its worst."""
    kept = (share_of_words_kept(answer, original, few=1) for answer, original in zip(answers, originals, strict=True))
    return _rate_additions(answers, originals) + min(kept)


def _rate_additions(answers: Sequence[str], originals: Sequence[str]) -> float:
    """More where the words of the answers are the original's, less where a phrase comes twice or it is denied."""
    rates = [
        share_of_words_kept(original, answer, few=1)
        - count_repeated_runs(answer, _PHRASE) / 4
        - _count_added_negations(answer, original) / 4
        for answer, original in zip(answers, originals, strict=True)
    ]
    return sum(rates) / len(rates)


def _count_added_negations(answer: str, original: str) -> int:
    return max(0, len(_NEGATION.findall(answer)) - len(_NEGATION.findall(original)))
