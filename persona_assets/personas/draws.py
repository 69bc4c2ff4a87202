"""Draws by an id alone: rows that come or go leave the others, and what was paid for, as they are."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def draw(lot: str, values: Sequence[T], number: int) -> list[T]:
    """Draw values by a lot: evenly over many lots, the same in every run, and none twice before all were had.

    Args:
        lot: an id, with what it is drawn for where several things are.
        values: what is drawn from.
        number: how many.
    """
    start = int(hashlib.sha256(lot.encode()).hexdigest()[:8], 16)
    return [values[(start + place) % len(values)] for place in range(number)]
