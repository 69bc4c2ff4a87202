"""How far the candidates of one task say the same.

A model that knows what it speaks of says much the same in every draw, while what it makes up is different each time:
the nearer a candidate is to the others, the better (minimum Bayes risk decoding, Kumar and Byrne 2004).
"""

from collections.abc import Awaitable, Callable, Sequence

Compare = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]
"""Cosine of each of some texts with each, by the embedding model: a row for every text."""


def rate_agreement(similarities: Sequence[Sequence[float]]) -> list[float]:
    """Rate candidates by their agreement.

    Args:
        similarities: cosine of each candidate with each.

    Returns:
        Mean cosine of each with the others; 0 for one that has no others.
    """
    others = max(1, len(similarities) - 1)
    return [(sum(row) - row[place]) / others for place, row in enumerate(similarities)]


async def score_agreement(compare: Compare, texts: Sequence[str]) -> list[float]:
    """Score the candidates of one task by their agreement alone.

    Args:
        compare: measures similarities.
        texts: the candidates.
    """
    return rate_agreement(await compare(texts))
