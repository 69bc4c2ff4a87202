"""Words that are no English ones: a small model copies them from other languages, or makes them up."""

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spellchecker import SpellChecker

# Names and the first words of sentences are left alone; shorter words tell too little.
_WORD = re.compile(r"(?<![\w'’])[a-z]{4,}(?:['’][a-z]+)?(?![\w'’])")
# The dictionary has American spellings and few plurals of young words.
_OTHER_FORMS = (
    (re.compile(r"'?s$"), ""),
    (re.compile(r"our(?=s|ed|ing|ite|hood|able|al|ful|$)"), "or"),
    (re.compile(r"([iy])s(?=e|ing|ation|able)"), r"\1z"),
    (re.compile(r"re(?=s?$)"), "er"),
    (re.compile(r"[ao]e"), "e"),
    (re.compile(r"ence(?=s?$)"), "ense"),
    (re.compile(r"amme(?=s?$)"), "am"),
)


def find_unknown_word(text: str, origin: str = "") -> str | None:
    """Find the first lower-case word that is in no dictionary of English.

    Of 2,287 published English personas 152 have one, most of them young words ("vlogger"): too many to refuse a model
    that can spell, and few beside what one of half a billion parameters makes up.

    Args:
        text: in English.
        origin: an English text that it was made from, whose lower-case words are known, too.

    Returns:
        The word, or None.
    """
    words = _list_words(text)
    dictionary = _load_dictionary()
    unknown = dictionary.unknown(words) - set(_list_words(origin))
    return next((word for word in words if word in unknown and not dictionary.known(_list_other_forms(word))), None)


def _list_words(text: str) -> list[str]:
    return [word.replace("’", "'") for word in _WORD.findall(text)]


def _list_other_forms(word: str) -> list[str]:
    singular = _OTHER_FORMS[0][0].sub("", word)
    return [singular, *(pattern.sub(other, singular) for pattern, other in _OTHER_FORMS[1:])]


@cache
def _load_dictionary() -> "SpellChecker":
    from spellchecker import SpellChecker

    return SpellChecker(language="en", distance=1)
