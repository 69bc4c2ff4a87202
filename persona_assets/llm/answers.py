"""Checks that hold for every answer of a model, whatever was asked."""

import re
import zlib
from collections import Counter
from collections.abc import Iterable

_CANNOT = (
    r"(?:can(?:no|['’])?t|can not|could(?: not|n['’]t)|won['’]t|will not|(?:am|['’]m) (?:not able|(?:not )?unable)"
    r"|unable)"
)
_DO = (
    r"(?:to )?(?:\w+ly )?(?:assist|help|provide|fulfil|complete|comply|answer|create|generate|write|engage|continue"
    r"|discuss|support)"
)
_REFUSAL = re.compile(
    rf"^\W*(?:(?:i['’]?m|i am)? ?(?:really |very |so |deeply )?(?:sorry|afraid)\b[^.!?]{{0,60}}\b{_CANNOT}\b"
    rf"|(?:my |i )?apologi(?:[sz]e|es)\b[^.!?]{{0,80}}\b{_CANNOT}\b"
    rf"|(?:unfortunately,? )?i ?{_CANNOT} {_DO}"
    r"|as an? (?:ai|artificial|language model|large language)\b"
    r"|(?:i['’]?m|i am) (?:just |only )?an? (?:ai|artificial intelligence|language model|large language)\b)",
    re.IGNORECASE,
)
_SPEAKS_AS_MODEL = re.compile(
    r"\bas an? (ai|artificial intelligence|language model|large language model)\b"
    r"|\bi('| a)m an? (ai|artificial intelligence|language model|virtual assistant)\b"
    r"|\b(created|developed|trained) by (openai|anthropic|google|alibaba|hugging ?face)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
# Scripts without spaces between words: each character counts as a word, or a page would be one.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_TAIL = 100
# The point of "1." begins an item of a list.
_WHOLE_SENTENCE = re.compile(r"(?<!\d)[.!?][\"'”’)]*(?=\s|$)")
_LIST = re.compile(r"\n\s*(?:[-*•#]|\d+[.)]\s)")
_PARAGRAPH = re.compile(r"\n\s*\n")
_FENCE = "```"


def is_refusal(text: str) -> bool:
    """Whether a model declines to answer, by how the text begins."""
    return bool(_REFUSAL.match(text))


def speaks_as_model(text: str) -> bool:
    """Whether the text speaks as a language model, as no character does."""
    return bool(_SPEAKS_AS_MODEL.search(text))


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


def shares_run(text: str, other: str, words: int) -> bool:
    """Whether two texts share a run of so many words."""
    mine = _runs(text, words)
    return bool(mine) and not mine.isdisjoint(_runs(other, words))


def count_repeated_runs(text: str, words: int) -> int:
    """Count the runs of so many words that stand in a text more than once."""
    plain = _WORD.findall(text.casefold())
    runs = Counter(zip(*(plain[start:] for start in range(words)), strict=False))
    return sum(count > 1 for count in runs.values())


def copies_any(text: str, others: Iterable[str], words: int | None = None) -> bool:
    """Whether a text equals one of the others, or repeats a long run of its words.

    Args:
        text: the text judged.
        others: what it must not copy.
        words: length of the run; by default 6 in a short text, where small models paste half sentences of the
            examples together, and 10 in one of more than 30 words, where a turn of phrase
            ("how many hours does it take to") is no copy yet.
    """
    plain = _WORD.findall(text.casefold())
    run = words or (6 if len(plain) <= 30 else 10)
    return any(plain == _WORD.findall(other.casefold()) or shares_run(text, other, run) for other in others)


def find_borrowed(text: str, others: Iterable[str]) -> set[str]:
    """Find the telling phrases that a text shares with others: three words in a row, two of them of five letters.

    A small model that loses its way pastes them from the examples ("small mountain flocks") into short answers. In
    long ones they may meet by chance.
    """
    mine = _telling_runs(text)
    return {" ".join(run) for other in others for run in mine & _telling_runs(other)}


def _telling_runs(text: str) -> set[tuple[str, ...]]:
    return {run for run in _runs(text, 3) if sum(len(word) > 4 for word in run) >= 2}


def _has_stutter(words: list[str]) -> bool:
    # Numbers are exempt: a row of a matrix may well say 0, 0, 0.
    return any(
        one == two == three and not one.isdigit() for one, two, three in zip(words, words[1:], words[2:], strict=False)
    )


def _runs(text: str, length: int) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    return {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}


def take_sentences(text: str, number: int) -> str:
    """The first whole sentences of a text, up to a number of them, the paragraph's end and the first list.

    A program is kept whole.

    Returns:
        Nothing, where no sentence is whole, or a program is not.
    """
    program, fence, rest = text.rpartition(_FENCE)
    if fence:
        whole = text.count(_FENCE) % 2 == 0
        return f"{program}{fence}{_take_whole(rest, number)}".strip() if whole else ""
    listless = _LIST.split(text, maxsplit=1)[0]
    # What announces a paragraph ("Here is how:") has none to follow.
    return _take_whole(_PARAGRAPH.split(listless, maxsplit=1)[0], number) or _take_whole(listless, number)


def _take_whole(text: str, number: int) -> str:
    ends = [match.end() for match in _WHOLE_SENTENCE.finditer(text)][:number]
    return text[: ends[-1]] if ends else ""
