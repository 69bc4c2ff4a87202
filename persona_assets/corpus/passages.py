"""Long documents cut into passages, at the best boundary that a script has near the right length."""

import re
import unicodedata
from collections.abc import Iterator
from math import ceil

# From the best boundary to the worst. Sentences end without a space after the full stops of scripts that write
# none, and with one after those that also stand in numbers and abbreviations.
_BOUNDARIES = (
    re.compile(r"\n\s*\n"),
    re.compile(r"\n"),
    re.compile(r"[.!?…]+[\"'”’»)\]]*\s+|[。！？｡।॥۔؟။።։༎།]+[」』”’»）\]]*\s*"),
    re.compile(r"[;:；：،、]\s+|[；：、]"),
    re.compile(r"\s+"),
)
_SHORTEST_SHARE = 0.6
_LONGEST_CLUSTER = 32


def cut_passages(text: str, max_chars: int) -> Iterator[str]:
    """Cut a text into passages of about equal length at paragraphs, else lines, sentences, clauses, words.

    Nothing but white space at the cuts is left out, and no cut parts a letter from its marks unless a
    cluster of more than 32 characters leaves no other place. No passage is empty.
    """
    position = 0
    while len(text) - position > max_chars:
        end = _find_cut(text, position, max_chars)
        if passage := text[position:end].strip():
            yield passage
        position = end
    if passage := text[position:].strip():
        yield passage


def _find_cut(text: str, position: int, max_chars: int) -> int:
    remaining = len(text) - position
    target = ceil(remaining / ceil(remaining / max_chars))
    shortest = max(int(target * _SHORTEST_SHARE), 1)
    # The last passage also gets its share, so that no document ends in a scrap.
    first, last = position + shortest, position + max(min(max_chars, remaining - shortest), shortest)
    for boundary in _BOUNDARIES:
        # A match that begins a little before the window may end in it.
        ends = [match.end() for match in boundary.finditer(text, max(first - 8, position), last)]
        ends = [end for end in ends if first <= end <= last]
        if ends:
            return min(ends, key=lambda end: abs(end - position - target))
    return _avoid_marks(text, position, min(position + target, last))


def _avoid_marks(text: str, position: int, cut: int) -> int:
    for end in range(cut, max(cut - _LONGEST_CLUSTER, position), -1):
        if not _continues_cluster(text, end):
            return end
    return cut


def _continues_cluster(text: str, index: int) -> bool:
    joined = text[index - 1] == "\u200d" or text[index] == "\u200d"
    return joined or unicodedata.category(text[index]).startswith("M") or "\U0001f3fb" <= text[index] <= "\U0001f3ff"
