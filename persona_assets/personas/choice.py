"""Which of several candidates for a persona is kept."""

from collections.abc import Awaitable, Callable, Sequence

from persona_assets.personas.heuristics import measure_specificity

Compare = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]
"""Cosine of each of some texts with each, by the embedding model: a row for every text."""


async def score_personas(
    compare: Compare, origin: str, personas: Sequence[str], rate_nearness: Callable[[float], float]
) -> list[float]:
    """Score the candidates of one task.

    A model that knows what it speaks of says much the same in every draw, while what it makes up is different each
    time: the nearer a candidate is to the others, the better (minimum Bayes risk decoding, Kumar and Byrne 2004).
    A specific one is better than a general one.

    Args:
        compare: measures similarities.
        origin: what the personas were made from.
        personas: the candidates.
        rate_nearness: what a cosine with the origin is worth.

    Returns:
        A score for each: the worth of its nearness, half its specificity, half its agreement with the others (0 for one
        that has no others).
    """
    to_origin, *among = await compare([origin, *personas])
    others = len(personas) - 1
    return [
        rate_nearness(to_origin[place])
        + measure_specificity(persona) / 2
        + (sum(among[place - 1][1:]) - among[place - 1][place]) / max(1, others) / 2
        for place, persona in enumerate(personas, start=1)
    ]
