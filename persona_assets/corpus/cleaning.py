"""Texts as they come from the web, made fit to store, compare and read."""

import hashlib
import re
import unicodedata

import regex

# Line feed and tab stay. A lone surrogate cannot be encoded; a soft hyphen, a zero-width space or a byte order mark
# is invisible. The joiners U+200C and U+200D are letters' shapes in Persian, the Indic scripts and emoji: they stay.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u2060\ufeff\ud800-\udfff]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_LINE_END_SPACE = re.compile(r"[^\S\n]+\n")
_BLANK_LINES = re.compile(r"\n{3,}")
_WHITE_SPACE = re.compile(r"\s+")
_LETTERS = regex.compile(r"[\p{L}\p{M}]+")

PROSE_LETTER_SHARE = 0.5
# What ends with a full stop, which stands before a space in scripts that also write it in numbers and abbreviations.
# Thai and Lao part sentences by a space alone.
_SENTENCE = re.compile(
    r".+?(?:[.!?…:;][\"'”’»)\]]*(?=\s|$)|[。！？｡।॥۔؟։༎།၊။។][」』”’»）\]]*|(?<=[\u0e00-\u0eff])(?=\s|$))", re.DOTALL
)
_PARAGRAPH_BREAK = re.compile(r"\n\s*\n")
_SHORTEST_SENTENCE = 25
_SHORTEST_UNSPACED = 10
_LONG_LINE = 40


def clean_text(text: str) -> str:
    """Return a text in NFC without control characters, and with at most one blank line in a row."""
    text = _LINE_BREAK.sub("\n", text)
    text = unicodedata.normalize("NFC", _UNWANTED.sub("", text))
    return _BLANK_LINES.sub("\n\n", _LINE_END_SPACE.sub("\n", text)).strip()


def strip_unstorable(text: str) -> str:
    """Return a text without NULs, lone surrogates and white space around it, and otherwise to the letter."""
    return _UNSTORABLE.sub("", text).strip()


def clean_line(text: str) -> str:
    """Return a cleaned text on one line."""
    return _WHITE_SPACE.sub(" ", clean_text(text))


def is_prose(text: str) -> bool:
    """Tell prose from tables of numbers, lists of links and codes: at least half its signs are letters.

    Signs are the characters that are no white space; letters include the marks that Indic and other scripts
    write vowels with.
    """
    signs = len(_WHITE_SPACE.sub("", text))
    letters = sum(map(len, _LETTERS.findall(text)))
    return letters >= PROSE_LETTER_SHARE * signs


def measure_sentences(text: str) -> float:
    """Return the share of a cleaned text written in sentences, not menus, lists, tables and captions: 0 to 1.

    A sentence ends with a full stop within its paragraph, has 25 characters (10 in a script without spaces), and
    if it is wrapped, a line of 40 characters and others half as long.
    """
    paragraphs = _PARAGRAPH_BREAK.split(text)
    sentences = [match.group().strip() for paragraph in paragraphs for match in _SENTENCE.finditer(paragraph)]
    return sum(len(sentence) for sentence in sentences if _is_sentence(sentence)) / max(len(text), 1)


def _is_sentence(text: str) -> bool:
    is_spaced = text.count(" ") > len(text) / 20
    lines = [len(line) for line in text.splitlines()]
    is_wrapped = max(lines, default=0) >= _LONG_LINE and len(text) >= len(lines) * _LONG_LINE / 2
    return len(text) >= (_SHORTEST_SENTENCE if is_spaced else _SHORTEST_UNSPACED) and (len(lines) == 1 or is_wrapped)


def hash_words(text: str) -> bytes:
    """Return 16 bytes that are equal for texts equal but for white space and case."""
    normal = _WHITE_SPACE.sub(" ", text).strip().casefold()
    return hashlib.blake2b(normal.encode("utf-8", "replace"), digest_size=16).digest()
