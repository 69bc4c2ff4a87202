"""What a rewritten answer has in common with the original: numbers, code, and runs of words."""

import re

from persona_assets.llm.answers import split_words

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
