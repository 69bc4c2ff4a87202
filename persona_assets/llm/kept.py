"""What one text keeps of another: its long words, numbers and names."""

import re
from collections.abc import Sequence

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LONG_WORD = re.compile(r"[^\W\d_]{5,}")
_STEM = 5
_CODE = re.compile(r"```.*?```", re.DOTALL)
# Capitalised in the middle of a sentence; the words that a language writes so by rule are no names.
_NAME = re.compile(r"(?<=[a-z,;] )(?!I\b|I['’])[A-Z][a-z]{2,}")


def share_of_numbers_kept(answer: str, original: str) -> float:
    """Share of the numbers of the original that the answer still has; 1 when there are none."""
    numbers = set(_NUMBER.findall(original))
    return len(numbers & set(_NUMBER.findall(answer))) / len(numbers) if numbers else 1.0


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
    names = set(_NAME.findall(_CODE.sub(" ", original)))
    return sum(name in answer for name in names) / len(names) if len(names) > 1 else 1.0


def count_new_words(answer: str, questions: Sequence[str]) -> int:
    """Count the long words, by their first five letters, and the numbers of an answer that no question has."""
    asked, told = (
        {word[:_STEM].casefold() for word in _LONG_WORD.findall(text)} | set(_NUMBER.findall(text))
        for text in (" ".join(questions), answer)
    )
    return len(told - asked)


def says_nothing_new(answer: str, questions: Sequence[str]) -> bool:
    """Whether the long words and numbers of an answer, if it has any, are all those of the questions."""
    return count_new_words(answer, questions) == 0 < count_new_words(answer, ())
