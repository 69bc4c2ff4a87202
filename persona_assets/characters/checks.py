"""Doubts about what a character says: a request declined, a profile recited, and, rewritten, facts lost or all kept."""

import re
from collections.abc import Iterator

from persona_assets.characters.overlap import share_copied, share_of_code_kept, share_of_numbers_kept
from persona_assets.characters.sessions import Session
from persona_assets.corpus.language import UNKNOWN, detect_language
from persona_assets.personas.text_checks import doubt_text, doubt_voice, find_copied
from persona_assets.row_checks import Doubt, RowChecks

_TOLD = ("persona", "appearance", "experience", "personality")
_SURE = 60
"""Characters of an original answer that say in which language a rewritten one should be."""
_TRANSLATES = re.compile(r"translat|traduc|traduz|tradui|übersetz|vertaal|перевед|翻译|翻譯", re.IGNORECASE)
# Somebody who cannot tell, or does not remember, answers the question: a model declines to help with it.
_CANNOT_KNOW = re.compile(
    r"^[^.!?]{0,120}\b(?:can(?:no|['’])?t|can not|could(?: not|n['’]t)|unable to|not able to)\s+(?:\w+ly |even )?"
    r"(?:tell|say|know|remember|recall|speak|vouch|swear|judge|read|see|hear|make (?:head|sense)|give you)\b",
    re.IGNORECASE,
)


def doubt_answer(session: Session, turn: int, answer: str, checks: RowChecks) -> Iterator[Doubt]:
    """Doubt one answer of a character, in the order of the doubts' weight.

    Args:
        turn: number of the question that is answered, from 0.
    """
    told = [*session.user_turns, *session.answers]
    yield from doubt_text(answer, checks, told, find_wanted_language(session, turn))
    for doubt in doubt_voice(answer):
        if doubt.check != "declines" or not _CANNOT_KNOW.match(answer):
            yield doubt
    profile = [str(session.character[name]) for name in _TOLD]
    if recited := find_copied(answer, profile, int(checks.parameter("recites_profile", "words"))):
        yield Doubt("recites_profile", recited)


def doubt_rewrite(session: Session, turn: int, answer: str, checks: RowChecks) -> Iterator[Doubt]:
    """Doubt one rewritten answer for what it has lost of the original, or has not changed."""
    question, original = session.user_turns[turn], session.answers[turn]
    least = checks.parameter("facts_lost", "share")
    if share_of_code_kept(answer, original) < least:
        yield Doubt("facts_lost", "a code block of the original is missing")
    if (kept := share_of_numbers_kept(answer, original, question)) < least:
        yield Doubt("facts_lost", f"{kept:.0%} of the numbers of the original are kept")
    if (copied := share_copied(answer, original)) >= checks.parameter("unchanged", "share"):
        yield Doubt("unchanged", f"{copied:.0%} stands word for word in the original")


def find_wanted_language(session: Session, turn: int) -> str | None:
    """Find the language in which a question wants its answer; None where nothing tells it."""
    question = session.user_turns[turn]
    original = session.answers[turn] if session.is_answered else ""
    # A translation is in the language of the original answer, and where there is none, in any.
    if len(original) < _SURE and _TRANSLATES.search(question):
        return None
    language = detect_language(original if len(original) >= _SURE else question)
    return None if language == UNKNOWN else language
