"""What two personas are compared by lexically: the normalised text and its set of tokens."""

import unicodedata

import regex

_INVISIBLE = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Cf}]")
_APOSTROPHE = regex.compile(r"(?<=[\p{L}\p{M}])['’‘ʼ＇`´](?=\p{L})")
# '#', '%', '&' and '@' are punctuation to Unicode, but C# is not C and 5% is not 5.
_PUNCTUATION = regex.compile(r"[[\p{P}`´\p{Cc}]--[#%\&@]]", regex.VERSION1)

_SINGLE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\u30FC"
# Line breaking class SA holds the scripts whose words only a dictionary separates: Thai, Lao, Khmer, Burmese.
_UNSPACED = r"\p{Line_Break=SA}"
WITHOUT_SPACES = _SINGLE + _UNSPACED
"""For a class of `regex`: the scripts that put no spaces between words."""

_RUN = regex.compile(
    rf"(?P<single>[{_SINGLE}]\p{{M}}*)|(?P<unspaced>[{_UNSPACED}]+)|(?P<word>[^\s{_SINGLE}{_UNSPACED}]+)"
)


def normalise(text: str) -> str:
    """Reduce a text to what makes it equal to another; normalising it again changes nothing.

    NFKC, case folded, invisible characters and apostrophes within words removed, punctuation and quotes
    replaced by spaces, white space collapsed.
    """
    folded = text.lower() if text.isascii() else _fold(text)
    plain = _PUNCTUATION.sub(" ", _APOSTROPHE.sub("", folded))
    return " ".join(plain.split())


def tokenise(normalised: str) -> frozenset[str]:
    """Split a normalised text into its set of tokens, run by run as its scripts ask for.

    Words where spaces separate them, single characters for Han and kana, character trigrams for scripts
    without spaces (Thai, Lao, Khmer, Burmese and their relatives). Symbols are part of words (c++, 5%).
    At least one token: the whole text where there is nothing to split.
    """
    if normalised.isascii():
        return frozenset(normalised.split()) or frozenset((normalised,))
    tokens: set[str] = set()
    for match in _RUN.finditer(normalised):
        run = match.group()
        tokens.update(_split_trigrams(run) if match.lastgroup == "unspaced" else (run,))
    return frozenset(tokens) or frozenset((normalised,))


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """Compute the share of tokens that two sets have in common, exactly: 0 to 1."""
    common = len(left & right)
    return common / (len(left) + len(right) - common)


def _fold(text: str) -> str:
    # Folding can undo the composition and the other way round: two rounds reach what no third one changes.
    for _ in range(2):
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        text = _INVISIBLE.sub("", text)
    return text


def _split_trigrams(run: str) -> set[str]:
    return {run[start : start + 3] for start in range(max(1, len(run) - 2))}
