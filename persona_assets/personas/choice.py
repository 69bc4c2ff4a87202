"""Which of several candidates for a persona is kept."""

from collections.abc import Callable, Sequence

from persona_assets.llm.agreement import Compare, rate_agreement
from persona_assets.personas.heuristics import measure_specificity


async def score_personas(
    compare: Compare, origin: str, personas: Sequence[str], rate_nearness: Callable[[float], float]
) -> list[float]:
    """Score the candidates of one task.

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
    agreements = rate_agreement([row[1:] for row in among])
    return [
        rate_nearness(to_origin[place]) + measure_specificity(persona) / 2 + agreements[place - 1] / 2
        for place, persona in enumerate(personas, start=1)
    ]
