"""Who is nearest in the hub, by the embedding model's own cosine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from persona_assets.dedup.text import jaccard, normalise, tokenise
from persona_assets.embedding.encoder import TextEncoder
from persona_assets.embedding.proposer import find_judge
from persona_assets.index.interface import Neighbour
from persona_assets.index.qdrant import PersonaIndex

_PROPOSED: Final = 5
"""How many times as many are taken from the index, where its vectors only propose."""


@dataclass(frozen=True, slots=True)
class NearPersona:
    """A persona of the hub beside another text: the cosine is its score, `jaccard` that of the token sets."""

    neighbour: Neighbour
    jaccard: float


def find_near(
    index: PersonaIndex,
    encoder: TextEncoder,
    text: str,
    limit: int,
    where: Mapping[str, str | int],
    *,
    leave_out: str | None = None,
) -> list[NearPersona]:
    """Find who is nearest to a text, nearest first; none where the model cannot read it.

    Args:
        where: values that they must have: shard, language, round.
    """
    if not encoder.readable([text])[0]:
        return []
    (found,) = list_near(index, encoder, [text], limit + 1, where)
    tokens = tokenise(normalise(text))
    near = [one for one in found if one.persona_id != leave_out][:limit]
    return [NearPersona(one, jaccard(tokens, tokenise(normalise(one.persona)))) for one in near]


def list_near(
    index: PersonaIndex, encoder: TextEncoder, texts: Sequence[str], limit: int, where: Mapping[str, str | int]
) -> list[list[Neighbour]]:
    """List who is nearest to each text by the model's own cosine, of those that the index's vectors propose.

    Args:
        where: values that they must have: shard, language, round.
    """
    judge = find_judge(encoder)
    found = index.list_nearest(encoder.encode(texts), limit * (_PROPOSED if judge else 1), where)
    if judge is None:
        return found
    asked = [text for text, near in zip(texts, found, strict=True) for _ in near]
    scores = iter(judge.compare(asked, [one.persona for near in found for one in near]).tolist())
    judged = [[replace(one, score=next(scores)) for one in near] for near in found]
    return [sorted(near, key=lambda one: -one.score)[:limit] for near in judged]
