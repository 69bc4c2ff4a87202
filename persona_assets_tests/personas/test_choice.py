"""Which candidate is kept: near to its origin, specific, and near to what the other draws say."""

import asyncio
from collections.abc import Sequence

import pytest

from persona_assets.embedding.encoder import Encoder
from persona_assets.embedding.similarity import SimilarityMeter
from persona_assets.personas.choice import score_personas
from persona_assets.settings import EmbeddingSettings

ORIGIN = "The cooperative pays 62 cents a kilo for olives, which does not cover the picking, say small growers."


def score(personas: Sequence[str], nearness: float = 1.0) -> list[float]:
    async def run() -> list[float]:
        meter = SimilarityMeter(Encoder(EmbeddingSettings()))
        return await score_personas(meter.compare, ORIGIN, personas, lambda near: nearness * near)

    return asyncio.run(run())


def test_what_most_draws_say_beats_what_one_makes_up() -> None:
    scores = score(
        [
            "An olive grower who doubts whether picking still pays.",
            "An olive farmer who wonders whether the harvest is worth the picking.",
            "A grower of olives who fears that pickers cost more than he earns.",
            "A submarine captain who dreams about violins and moonlight.",
        ],
        nearness=0.0,
    )
    assert min(scores[:3]) > scores[3]


def test_a_specific_one_beats_a_general_one() -> None:
    general, specific = score(
        ["A farmer.", "A farmer with steep terraces of old olive trees who cannot pay pickers this winter."],
        nearness=0.0,
    )
    assert specific > general


def test_one_that_is_alone_is_scored_without_others() -> None:
    (alone,) = score(["An olive grower who doubts whether picking still pays."])
    again, other = score(["An olive grower who doubts whether picking still pays."] * 2)
    assert again == other == pytest.approx(alone + 0.5)
