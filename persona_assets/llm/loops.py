"""Telling a generation that runs in circles from one that still says something."""

from collections.abc import Sequence

LONGEST_CYCLE = 64
FEWEST_REPEATS = 4
SHORTEST_LOOP = 48


def is_looping(token_ids: Sequence[int]) -> bool:
    """Tell whether the tail of a generation is one cycle repeated to the letter.

    A cycle of 1 to 64 tokens counts from four repeats in a row that span at least 48 tokens: lists, tables and
    refrains repeat their frame, but not every token of it for so long.

    Args:
        token_ids: the tokens generated so far.

    Returns:
        True when the generation should be stopped.
    """
    for period in range(1, LONGEST_CYCLE + 1):
        span = max(FEWEST_REPEATS * period, SHORTEST_LOOP)
        if span > len(token_ids):
            # Spans only grow with the period.
            return False
        tail = token_ids[len(token_ids) - span :]
        if tail[period:] == tail[:-period]:
            return True
    return False
