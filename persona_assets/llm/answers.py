"""Checks that hold for every answer of a model, whatever was asked."""

import re
import zlib
from collections import Counter

import regex

# A refusal names the help that is not given: "I'm sorry that I cannot come" is none.
_CANNOT = (
    r"(?:can(?:no|['’])?t|can not|could(?: not|n['’]t)|won['’]t|will not|(?:am|['’]m) (?:not able|(?:not )?unable)"
    r"|unable)(?: to)?(?: be(?: able to)?)?(?: \w+ly)?"
)
_DO = (
    r" (?:assist(?:ing)?|comply|help(?:ing)?(?! but)|(?:fulfil|provid|answer|creat|generat|writ|rewrit|complet|engag"
    r"|continu|discuss|support|describ|infer|produc|portray|role-?play|speculat|respond|translat|shar|offer|design|draft"
    r"|compos|develop|invent|pretend)\w*|(?:play|take on) (?:the|this|that|a) (?:role|part)"
    r"|do (?:this|that|so|it))\b"
)
_DO_WHAT = (
    r" (?:assist(?:ing)?|comply|help(?:ing)?(?! but)|fulfil\w*|pretend to be|(?:play|take on) the (?:role|part)"
    r"|(?:provid|answer|creat|generat|writ|rewrit|complet|engag|continu|discuss|support|describ|infer|produc|portray"
    r"|role-?play|speculat|respond|translat|design|draft|compos|develop|invent)\w*[^.!?]{0,40}?\b(?:this|that|these|those"
    r"|such|any|based on|even (?:as )?(?:a )?fiction(?:al)?|content|request\w*|persona"
    r"|information|description|response|prompt|advice|guidance|assistance|instructions|details|opinions?))\b"
)
_MODEL = r"an? (?:ai|artificial intelligence|(?:large )?language model)(?: (?:language )?model| assistant| system)?"
_LEAD = r"(?:thank you for your \w+[.!,]? |(?:unfortunately|regrettably|sadly),? |(?:but|however),? )?"
_REFUSAL = re.compile(
    rf"^\W*{_LEAD}(?:(?:i['’]?m |i am )?(?:really |very |so |deeply )?(?:sorry|afraid)\b"
    rf"[^.!?]{{0,60}}\bi ?{_CANNOT}{_DO}"
    rf"|(?:my |i )?apologi(?:[sz]e|es)\b[^.!?]{{0,80}}\bi ?{_CANNOT}{_DO}"
    rf"|i ?{_CANNOT}{_DO_WHAT}"
    r"|i (?:must|have to|need to|will have to) (?:respectfully )?(?:decline|refuse)"
    rf" (?:(?:this|your) (?:request|task|prompt)\b|to{_DO})"
    rf"|(?:i['’]?m|i am) not (?:comfortable(?: with)?|in a position to|allowed to|permitted to|willing to){_DO}"
    rf"|as {_MODEL}(?:,| i\b)"
    rf"|(?:i['’]?m|i am) (?:just |only )?{_MODEL}"
    r"(?:[,.;]| (?:and|so|without|that|who|which|developed|created|trained)\b)"
    # The same in other languages.
    r"|lo siento,? pero no (?:puedo|me es posible) (?:ayudar|cumplir|proporcionar|generar|describir|responder|crear"
    r"|escribir)|no puedo (?:ayudar(?:te|le) con est|cumplir|proporcionar|generar)"
    r"|(?:(?:je suis )?désolée?,? (?:mais )?)?je ne (?:peux|puis|suis) pas (?:en mesure de |vous aider|t['’]aider"
    r"|répondre|fournir|générer|créer|rédiger|traiter)"
    r"|(?:(?:es )?tut mir (?:sehr )?leid\b[^.!?]{0,20}|leider |entschuldigung,? (?:aber )?)(?:ich kann|kann ich)\b"
    r"[^.!?]{0,60}\bnicht (?:weiter)?(?:helfen|beantworten|erfüllen|bearbeiten|erstellen|schreiben|bereitstellen)"
    r"|mi dispiace,? (?:ma )?non posso (?:aiutar|fornire|generare|rispondere|creare|scrivere|soddisfare)"
    r"|(?:desculpe|sinto muito),? mas não (?:posso|consigo) (?:ajudar|fornecer|gerar|responder|criar|escrever|atender)"
    r"|(?:非常|很|十分)?(?:抱歉|对不起)[，,]?.{0,12}(?:无法|不能|没办法).{0,8}(?:提供|帮|协助|回答|完成|满足|生成|描述|撰写|编写)"
    r"|申し訳.{0,20}(?:お答え|お手伝い|対応|提供|生成|作成|回答).{0,8}(?:できません|いたしかね))",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
# Scripts without spaces between words: each character counts as a word, or a page would be one.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_TOKEN = regex.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_ONE_UNSPACED = regex.compile(rf"[{_UNSPACED}]")
_TAIL = 100
_STUTTER = 5
"""Equal words in a row by which a text stutters."""


def is_refusal(text: str) -> bool:
    """Whether a model declines to answer, by how the text begins."""
    return bool(_REFUSAL.match(text))


def split_words(text: str) -> list[str]:
    """Split a text into words in lower case; in a script without spaces each character is one."""
    words: list[str] = _TOKEN.findall(text.casefold())
    return words


def count_unspaced(text: str) -> int:
    """Count the characters of scripts without spaces between words."""
    return len(_ONE_UNSPACED.findall(text))


def is_degenerate(text: str) -> bool:
    """Whether a text repeats itself as small models do: a phrase over and over, or at its end hardly any word new."""
    tokens = split_words(text)
    if _has_stutter(_WORD.findall(text.casefold())):
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
