"""What a rewritten answer has in common with the original: numbers, code, and runs of words."""

import re
from collections.abc import Iterator

from persona_assets.characters.sessions import Session
from persona_assets.corpus.language import UNKNOWN, detect_language
from persona_assets.llm.answers import split_words
from persona_assets.personas.text_checks import doubt_text, doubt_voice, find_copied
from persona_assets.row_checks import Doubt, RowChecks

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
# The numbers of the points of a list, and of steps, are no facts.
_POINT = re.compile(r"^[ \t>#*_-]*(?:step |question |part )?\(?\d+[.):]+(?!\d)", re.IGNORECASE | re.MULTILINE)
_CODE = re.compile(r"```.*?```", re.DOTALL)
_FENCE = re.compile(r"^```[^\n]*\n?|```$")
_RUN = 5
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety hundred"
_WORDS = {word: str(number) for number, word in enumerate(_SMALL.split())} | {
    word: str(10 * number) for number, word in enumerate(_TENS.split(), start=2)
}
_SPELT = re.compile(rf"\b(?:({'|'.join(_TENS.split())})[- ])?({'|'.join(_WORDS)})\b", re.IGNORECASE)


def strip_code(text: str) -> str:
    """A text without its code blocks."""
    return _CODE.sub(" ", text)


def list_numbers(text: str) -> set[str]:
    """The numbers of a text outside its code and the points of its lists, thousands ungrouped."""
    return {_ungroup(number) for number in _NUMBER.findall(_POINT.sub(" ", strip_code(text)))}


def share_of_numbers_kept(answer: str, original: str, known: str = "", few: int = 3) -> float:
    """Share of the numbers of the original that the answer still has, in digits or in English words.

    Args:
        known: the question that both answer, whose numbers do not count.
        few: with fewer numbers nothing can be said: 1.
    """
    numbers = list_numbers(original) - list_numbers(known)
    if len(numbers) < few:
        return 1.0
    # A point of a list that the original does not have may be one of its numbers.
    mine = {_ungroup(number) for number in _NUMBER.findall(answer)} | _list_spelt(answer)
    return len(numbers & mine) / len(numbers)


def share_of_code_kept(answer: str, original: str) -> float:
    """Share of lines that the answer still has of the code block that lost the most, white space aside."""
    plain = "".join(answer.split())
    shares = []
    for block in _CODE.findall(original):
        lines = ["".join(line.split()) for line in _FENCE.sub("", block).splitlines() if line.strip()]
        shares.append(sum(line in plain for line in lines) / len(lines) if lines else 1.0)
    return min(shares, default=1.0)


def share_copied(answer: str, original: str) -> float:
    """Share of an answer's words that stand in runs of five as in the original; code blocks do not count."""
    words, source = split_words(strip_code(answer)), split_words(strip_code(original))
    if words and words == source:
        return 1.0  # perhaps too short for a run
    runs = {tuple(source[i : i + _RUN]) for i in range(len(source) - _RUN + 1)}
    copied = [tuple(words[i : i + _RUN]) in runs for i in range(len(words) - _RUN + 1)]
    inside = [any(copied[max(0, i - _RUN + 1) : i + 1]) for i in range(len(words))]
    return sum(inside) / len(words) if words else 0.0


def _ungroup(number: str) -> str:
    return re.sub(r"[.,](?=\d{3}(?:\D|$))", "", number)


def _list_spelt(text: str) -> set[str]:
    spelt: set[str] = set()
    for tens, word in _SPELT.findall(text):
        number = int(_WORDS[word.casefold()])
        spelt |= {str(number), str(int(_WORDS[tens.casefold()]) + number)} if tens else {str(number)}
    return spelt


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
    """Doubt one answer of a character, the weightiest doubts first. `turn`: number of its question, from 0."""
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
