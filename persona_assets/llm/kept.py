"""What one text keeps of another: its words, numbers, names and programs."""

import re
from collections.abc import Sequence

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LONG_WORD = re.compile(r"[^\W\d_]{5,}")
_STEM = 5
_CODE = re.compile(r"```.*?```", re.DOTALL)
# Capitalised in the middle of a sentence; the words that a language writes so by rule are no names.
_NAME = re.compile(r"(?<=[a-z,;] )(?!I\b|I['’])[A-Z][a-z]{2,}")
_TOKEN = re.compile(r"\w+")
_FENCE = re.compile(r"^```[^\n]*\n?|```$")
_RUN = 5


def strip_code(text: str) -> str:
    """A text without its code blocks."""
    return _CODE.sub(" ", text)


def list_numbers(text: str) -> list[str]:
    """The numbers of a text as they are written, in order."""
    return _NUMBER.findall(text)


def share_of_numbers_kept(answer: str, original: str, known: str = "") -> float:
    """Share of the numbers of the original that the answer still has; 1 when there are none.

    Numbers of what is `known` do not count, such as those of the question that both answer.
    """
    numbers = set(list_numbers(original)) - set(list_numbers(known))
    return len(numbers & set(list_numbers(answer))) / len(numbers) if numbers else 1.0


def share_of_words_kept(answer: str, original: str, few: int = 5) -> float:
    """Share of the long words of the original, by their first five letters, that the answer still has.

    With fewer than `few` such words nothing can be said: 1.
    """
    words, mine = ({word[:_STEM].casefold() for word in _LONG_WORD.findall(text)} for text in (original, answer))
    return len(words & mine) / len(words) if len(words) >= few else 1.0


def share_of_names_kept(answer: str, original: str) -> float:
    """Share of the names of the original that the answer still has: capitalised words inside its sentences.

    With fewer than two such words nothing can be said: 1.
    """
    names = set(_NAME.findall(strip_code(original)))
    return sum(name in answer for name in names) / len(names) if len(names) > 1 else 1.0


def count_new_words(answer: str, questions: Sequence[str]) -> int:
    """Count the long words, by their first five letters, and the numbers of an answer that no question has."""
    asked, told = (
        {word[:_STEM].casefold() for word in _LONG_WORD.findall(text)} | set(list_numbers(text))
        for text in (" ".join(questions), answer)
    )
    return len(told - asked)


def says_nothing_new(answer: str, questions: Sequence[str]) -> bool:
    """Whether the long words and numbers of an answer, if it has any, are all those of the questions."""
    return count_new_words(answer, questions) == 0 < count_new_words(answer, ())


def keeps_code(answer: str, original: str) -> bool:
    """Whether every code block of the original stands in the answer, white space aside."""
    plain = "".join(answer.split())
    blocks = (_FENCE.sub("", block) for block in _CODE.findall(original))
    return all("".join(block.split()) in plain for block in blocks)


def share_copied(answer: str, original: str) -> float:
    """Share of an answer's words that stand in runs of five as in the original; code blocks do not count."""
    words = _TOKEN.findall(strip_code(answer).casefold())
    source = _TOKEN.findall(strip_code(original).casefold())
    if words and words == source:
        # Too short for a run, or in a script without spaces between words.
        return 1.0
    runs = {tuple(source[i : i + _RUN]) for i in range(len(source) - _RUN + 1)}
    copied = [tuple(words[i : i + _RUN]) in runs for i in range(len(words) - _RUN + 1)]
    inside = [any(copied[max(0, i - _RUN + 1) : i + 1]) for i in range(len(words))]
    return sum(inside) / len(words) if words else 0.0
