"""How near texts are to each other, measured for many askers at once."""

import asyncio
from collections.abc import Sequence

from persona_assets.embedding.encoder import TextEncoder, Vectors


class SimilarityMeter:
    """Measures similarities; what is asked while the encoder is at work goes to it in one call afterwards.

    Who asks together depends on time, and what is measured does not. Must be used within one event loop.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self._turn = asyncio.Lock()
        self._texts: list[str] = []
        self._next: asyncio.Task[Vectors] | None = None

    async def compare(self, texts: Sequence[str]) -> list[list[float]]:
        """Cosine of each of some texts with each: a row for every text."""
        first = len(self._texts)
        self._texts += texts
        if self._next is None:
            self._next = asyncio.ensure_future(self._encode_next())
        # Shielded, so that an asker's cancellation does not take the vectors from the others.
        vectors = await asyncio.shield(self._next)
        mine = vectors[first : first + len(texts)]
        similarities: list[list[float]] = (mine @ mine.T).tolist()
        return similarities

    async def _encode_next(self) -> Vectors:
        async with self._turn:
            texts, self._texts, self._next = self._texts, [], None
            # In a thread, so that replies are read on meanwhile.
            return await asyncio.to_thread(self._encoder.encode, texts, alone=True)
