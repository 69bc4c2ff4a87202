"""What an English text speaks of, in its own words: its noun phrases, the nearest to the whole first."""

import re
from functools import cache
from typing import TYPE_CHECKING

from persona_assets.llm.agreement import Compare

if TYPE_CHECKING:
    from textblob.taggers import PatternTagger

# Names, numbers and units ("kg", "ml") are no matter that somebody has to do with.
_WORD = re.compile(r"[a-z]{3,}(?:-[a-z]+)*")
_LINKS = frozenset({"of", "in", "for"})
_ARTICLES = frozenset({"a", "an", "the"})
# One letter a word, as `_write_letter` has it: "high blood pressure", and what is tied to something else by "of".
_NOUN = "[NS]"
_PHRASE = re.compile(rf"(?<![JNS])(?P<head>J?{_NOUN}{{1,3}})(?P<rest>LA?J?{_NOUN}{{1,2}})?(?!{_NOUN})")
_LEAST_LETTERS = 4


async def choose_phrases(compare: Compare, text: str, most: int) -> list[str]:
    """Choose the phrases of a text that are nearest to the whole of it.

    Args:
        compare: measures similarities.
        text: in English.
        most: how many at most.

    Returns:
        The nearest first; none where the text has no noun in lower case.
    """
    phrases = list_phrases(text)
    if not phrases:
        return []
    nearness = (await compare([text, *phrases]))[0][1:]
    ranked = sorted(zip(nearness, phrases, strict=True), key=lambda pair: -pair[0])
    return [phrase for _, phrase in ranked[:most]]


def list_phrases(text: str) -> list[str]:
    """List the noun phrases of an English text.

    Args:
        text: in English.

    Returns:
        Each once, in the order of the text: `tablets for high blood pressure`, and its head `tablets`. One in the
        singular keeps its article, and is left out where it has none and its noun is one that is counted: `the
        landlord`, and not `landlord`.
    """
    tagged = _load_tagger().tag(text)
    letters = "".join(_write_letter(str(word), tag) for word, tag in tagged)
    words = [str(word).lower() for word, _ in tagged]
    matches = list(_PHRASE.finditer(letters))
    counted = {words[match.end("head") - 1] for match in matches if _has_article(letters, match)}
    counted |= {word.removesuffix("s") for word, letter in zip(words, letters, strict=True) if letter == "S"}
    phrases: dict[str, None] = {}
    for match in matches:
        start, head = match.span("head")
        is_singular = letters[head - 1] == "N"
        if is_singular and _has_article(letters, match):
            start -= 1
        elif is_singular and words[head - 1] in counted:
            continue
        ends = dict.fromkeys((match.end(), head))
        phrases |= {" ".join(words[start:end]): None for end in ends if len(words[end - 1]) >= _LEAST_LETTERS}
    return list(phrases)


def _has_article(letters: str, match: re.Match[str]) -> bool:
    return letters[max(0, match.start() - 1) : match.start()] == "A"


def _write_letter(word: str, tag: str) -> str:
    if word in _LINKS:
        return "L"
    if word.lower() in _ARTICLES:
        return "A"
    if not _WORD.fullmatch(word):
        return "."
    return {"NN": "N", "NNS": "S", "JJ": "J"}.get(tag, ".")


@cache
def _load_tagger() -> "PatternTagger":
    from textblob.taggers import PatternTagger

    return PatternTagger()
