"""What an English text speaks of, in its own words: its noun phrases, the nearest to the whole first."""

import re
from collections.abc import Container, Iterator
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
        singular keeps its article, for nobody speaks of `landlord`.
    """
    tagged = _load_tagger().tag(text)
    letters = "".join(_write_letter(str(word), tag) for word, tag in tagged)
    words = [str(word).lower() for word, _ in tagged]
    phrases = dict.fromkeys(_read_phrases(words, letters))
    return [phrase for phrase in phrases if not _is_counted(phrase, phrases)]


def _read_phrases(words: list[str], letters: str) -> Iterator[str]:
    for match in _PHRASE.finditer(letters):
        parts = [match.span(), match.span("head")] if match["rest"] else [match.span()]
        for start, end in parts:
            if len(words[end - 1]) >= _LEAST_LETTERS:
                yield " ".join(words[_find_article(letters, start, match.end("head")) : end])


def _find_article(letters: str, start: int, head: int) -> int:
    """Where a phrase begins: at its article, if it has one and the last noun of its head is in the singular."""
    has_article = start > 0 and letters[start - 1] == "A"
    return start - 1 if has_article and letters[head - 1] == "N" else start


def _is_counted(word: str, phrases: Container[str]) -> bool:
    """Whether a word that stands bare, `night`, is one of several elsewhere: it would want an article."""
    return any(form in phrases for form in (f"a {word}", f"an {word}", f"the {word}", f"{word}s"))


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
