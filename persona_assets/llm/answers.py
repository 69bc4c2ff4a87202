"""Checks that hold for every answer of a model, whatever was asked."""

import re
import zlib
from collections import Counter

_CANNOT = (
    r"(?:can(?:no|['’])?t|can not|could(?: not|n['’]t)|won['’]t|will not|(?:am|['’]m) (?:not able|(?:not )?unable)"
    r"|unable)"
)
_DO = (
    r"(?:to )?(?:be )?(?:\w+ly )?(?:assist|help|provid|fulfil|complet|comply|answer|creat|generat|writ(?:e|ing)|rewrit"
    r"|engag|continu|discuss|support|describ|infer|pretend|produc|portray|role-?play|speculat)"
)
_LEAD = r"(?:thank you for your \w+[.!,]? |(?:unfortunately|regrettably|sadly),? |(?:but|however),? )?"
_REFUSAL = re.compile(
    rf"^\W*{_LEAD}(?:(?:i['’]?m|i am)? ?(?:really |very |so |deeply )?(?:sorry|afraid)\b[^.!?]{{0,60}}\b{_CANNOT}\b"
    rf"|(?:my |i )?apologi(?:[sz]e|es)\b[^.!?]{{0,80}}\b{_CANNOT}\b"
    rf"|i ?{_CANNOT} {_DO}"
    r"|i (?:must|have to|need to|will have to) (?:respectfully )?(?:decline|refuse)"
    rf" (?:this (?:request|task|prompt)\b|{_DO})"
    rf"|(?:i['’]?m|i am) not (?:comfortable (?:with )?|in a position |allowed |permitted |willing ){_DO}"
    r"|as an? (?:ai|artificial intelligence|language model|large language)\b"
    r"|(?:i['’]?m|i am) (?:just |only )?an? (?:ai|artificial intelligence|language model|large language)\b"
    # The same in other languages.
    r"|lo siento,? pero no (?:puedo|me es posible)|no puedo (?:ayudar|cumplir|proporcionar|generar|describir)"
    r"|(?:je suis )?désolée?,? (?:mais )?je ne (?:peux|puis)|je ne (?:peux|suis) pas (?:vous aider|en mesure)"
    r"|(?:es )?tut mir (?:sehr )?leid\b[^.!?]{0,60}\bnicht\b"
    r"|(?:leider|entschuldigung,?)\b[^.!?]{0,30}\bkann ich\b[^.!?]{0,60}\bnicht\b"
    r"|mi dispiace,? (?:ma )?non posso|(?:desculpe|sinto muito),? mas não (?:posso|consigo)"
    r"|(?:非常|很|十分)?(?:抱歉|对不起)[，,]?.{0,12}(?:无法|不能|没办法)|申し訳.{0,20}(?:できません|いたしかね))",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
# Scripts without spaces between words: each character counts as a word, or a page would be one.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_TAIL = 100
_STUTTER = 5
"""Equal words in a row by which a text stutters."""


def is_refusal(text: str) -> bool:
    """Whether a model declines to answer, by how the text begins."""
    return bool(_REFUSAL.match(text))


def is_degenerate(text: str) -> bool:
    """Whether a text repeats itself as small models do: a phrase over and over, or at its end hardly any word new."""
    plain = text.casefold()
    tokens = _TOKEN.findall(plain)
    if _has_stutter(_WORD.findall(plain)):
        return True
    if len(tokens) < 12:
        return False
    grams = Counter(zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False))
    repeated = sum(count for count in grams.values() if count > 1)
    # Only the tail, because any long text uses its words again.
    tail = tokens[-_TAIL:]
    return repeated / max(1, grams.total()) > 0.35 or len(set(tail)) / len(tail) < 0.2


def measure_compression(text: str) -> float:
    """Characters a byte of a text compressed by zlib (Shaib et al., arXiv 2403.00553); 0 of an empty one.

    A few sentences have 1 to 2; above 3 or 4 is repetition.
    """
    whole = text.encode(errors="replace")
    return len(whole) / len(zlib.compress(whole)) if whole else 0.0


def _has_stutter(words: list[str]) -> bool:
    # Three may be meant ("very, very, very"); a row of a matrix may well say 0, 0, 0.
    return any(
        len(set(run)) == 1 and not run[0].isdigit()
        for run in zip(*(words[start:] for start in range(_STUTTER)), strict=False)
    )
