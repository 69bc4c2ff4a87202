"""Which prompts an engine that keeps the beginnings it has computed should take in together."""

from collections.abc import Sequence
from typing import Any

# The engine keeps what it has computed by blocks of so many tokens.
_BLOCK_TOKENS = 32


def count_together(waiting: Sequence[Any], computed: Sequence[Any]) -> int:
    """Count the prompts that lose nothing by being computed in one step.

    A step computes what two of its prompts have in common twice, while the next step would find it computed.

    Args:
        waiting: the prompts in order, each an array of token numbers.
        computed: the prompts whose beginnings the engine has.

    Returns:
        How many of the first that wait to take in: at least one, if any waits.
    """
    for position, prompt in enumerate(waiting):
        shared = max((count_shared(prompt, other) for other in waiting[:position]), default=0)
        found = max((count_shared(prompt, other) for other in computed), default=0)
        if shared >= found + _BLOCK_TOKENS:
            return position
    return len(waiting)


def count_shared(one: Any, other: Any) -> int:
    """Count the tokens that two prompts, arrays of token numbers, begin with in common."""
    length = min(len(one), len(other))
    differing = (one[:length] != other[:length]).nonzero()[0]
    return int(differing[0]) if len(differing) else length
