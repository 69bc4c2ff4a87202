"""Similarities: asked together they cost few calls of the encoder, and are the same to the last bit."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from persona_assets.embedding.encoder import Encoder, Vectors
from persona_assets.embedding.similarity import SimilarityMeter
from persona_assets.errors import SettingsError
from persona_assets.settings import EmbeddingSettings

ROWS = [
    [f"A report about harbour number {row}, its {row + 3} ferries and whoever works there at night. " * (1 + row % 4),
     f"A pilot of {row} ferries", f"A night watchman who counts {row} lamps along the quay", "A baker"]
    for row in range(12)
]  # fmt: skip


class LettersEncoder:
    """Counts letters, and the calls."""

    identity = "letters@1"
    dimension = 3

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.failure: Exception | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()

    def encode(self, texts: Sequence[str], *, alone: bool = False) -> Vectors:
        assert alone
        self.calls.append(list(texts))
        assert self.may_answer.wait(30)
        if self.failure:
            raise self.failure
        raw = np.array([[text.count("a") + 1, text.count("e"), text.count("o")] for text in texts], dtype=np.float32)
        vectors: Vectors = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        return vectors

    def readable(self, texts: Sequence[str]) -> np.ndarray:
        return np.ones(len(texts), dtype=np.bool_)


async def measure_together(meter: SimilarityMeter) -> list[list[list[float]]]:
    return await asyncio.gather(*(meter.compare(texts) for texts in ROWS))


async def measure_in_turn(meter: SimilarityMeter) -> list[list[list[float]]]:
    return [await meter.compare(texts) for texts in ROWS]


def test_what_is_asked_at_once_is_one_call_of_the_encoder() -> None:
    together, in_turn = LettersEncoder(), LettersEncoder()
    found = asyncio.run(measure_together(SimilarityMeter(together)))
    assert found == asyncio.run(measure_in_turn(SimilarityMeter(in_turn)))
    assert (len(together.calls), len(in_turn.calls)) == (1, len(ROWS))
    assert together.calls[0] == [text for call in in_turn.calls for text in call]


def test_what_is_asked_while_the_encoder_works_waits_for_the_next_call() -> None:
    encoder = LettersEncoder()

    async def run() -> None:
        meter = SimilarityMeter(encoder)
        encoder.may_answer.clear()
        asked = []
        for row in ROWS:
            asked.append(asyncio.ensure_future(meter.compare(row)))
            while not encoder.calls:
                await asyncio.sleep(0)
            await asyncio.sleep(0)
        encoder.may_answer.set()
        await asyncio.gather(*asked)

    asyncio.run(run())
    assert [len(texts) for texts in encoder.calls] == [4, 4 * (len(ROWS) - 1)]


def test_who_asks_together_changes_no_bit() -> None:
    encoder = Encoder(EmbeddingSettings())
    assert asyncio.run(measure_together(SimilarityMeter(encoder))) == asyncio.run(
        measure_in_turn(SimilarityMeter(encoder))
    )


def test_a_failure_reaches_everybody_once_and_the_next_call_is_tried_again() -> None:
    encoder = LettersEncoder()
    encoder.failure = SettingsError("embedding.model: gone")

    async def run() -> None:
        meter = SimilarityMeter(encoder)
        answers = await asyncio.gather(*(meter.compare(row) for row in ROWS), return_exceptions=True)
        assert [str(answer) for answer in answers] == ["embedding.model: gone"] * len(ROWS)
        assert len(encoder.calls) == 1
        encoder.failure = None
        assert len(await meter.compare(ROWS[0])) == 4

    asyncio.run(run())


def test_an_asker_that_goes_takes_nothing_from_the_others() -> None:
    async def run() -> None:
        meter = SimilarityMeter(LettersEncoder())
        gone, stays = (asyncio.ensure_future(meter.compare(row)) for row in ROWS[:2])
        await asyncio.sleep(0)
        gone.cancel()
        assert len(await stays) == 4
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(run())
