"""The rule of the hub (after arXiv 2406.20094, section 2.3): which personas are kept.

Going through personas in order, one is dropped if an already kept persona (of the same shard or established
before it) is

1. `exact`: equal after normalisation, or
2. `minhash`: of token sets with a Jaccard similarity at or above the threshold (candidates share a MinHash band
   and are verified exactly), or
3. `embedding`: of an embedding cosine at or above the threshold, where the model can read both texts;

else it is kept. A dropped one names the kept one of the first stage that applies, there the most similar,
of several the one kept earliest. So no two kept ones are at or above a threshold, and nothing is dropped for
the sake of what was itself dropped.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import polars as pl

from persona_assets.dedup.kept_vectors import MARGIN, KeptVectors, Rows, compute_cosine, find_pairs_within
from persona_assets.dedup.minhash import Bands
from persona_assets.dedup.preparation import Prepared
from persona_assets.dedup.text import find_script, jaccard, normalise, tokenise
from persona_assets.embedding.encoder import Vectors
from persona_assets.index.interface import Hit

Stage = Literal["exact", "minhash", "embedding"]

VERDICTS = pl.Schema(
    {
        "persona_id": pl.String(),
        "persona": pl.String(),
        "kept_id": pl.String(),
        "kept_persona": pl.String(),
        "stage": pl.String(),
        "score": pl.Float64(),
        "script": pl.String(),
        "readable": pl.Boolean(),
    }
)
"""A row a persona, in order; `kept_id`, `kept_persona`, `stage` and `score` are null for those that are kept."""

_BLOCK = 1_024


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which similarity on two personas are one.

    Attributes:
        jaccard: of token sets, above 0 up to 1.
        cosine: of embeddings, above 0 up to 1.
    """

    jaccard: float = 0.9
    cosine: float = 0.9


@dataclass(frozen=True, slots=True)
class Match:
    """A kept persona that a new one duplicates; the smaller its rank, the earlier it was kept."""

    kept_id: str
    kept_persona: str
    stage: Stage
    score: float
    rank: tuple[int, int, int]


class Established(Protocol):
    """The personas that earlier decisions kept. What it finds is verified here."""

    def find_sharing(self, bands: Bands) -> Sequence[Sequence[Hit]]:
        """Find all that share a band, for each row."""
        ...

    def find_nearest(self, vectors: Vectors, threshold: float) -> Sequence[Sequence[Hit]]:
        """Find the nearest at or above the threshold and whatever ties with it, for each row."""
        ...


class Deduplicator:
    """Applies the rule to batches of personas and remembers the kept ones.

    The batches' sizes change nothing: the verdicts are those of all the personas in one batch.

    Args:
        thresholds: of the rule.
        established: the personas kept before; none for an empty hub.
    """

    def __init__(self, thresholds: Thresholds, established: Established | None = None) -> None:
        self._thresholds = thresholds
        self._established = established
        self._ids: list[str] = []
        self._personas: list[str] = []
        self._tokens: list[frozenset[str]] = []
        self._by_text: dict[str, int] = {}
        self._by_band: defaultdict[int, list[int]] = defaultdict(list)
        self._vectors = KeptVectors()

    @property
    def n_kept(self) -> int:
        """How many personas were kept so far."""
        return len(self._ids)

    def decide(self, batch: Prepared) -> pl.DataFrame:
        """Decide the next personas.

        Args:
            batch: the personas, prepared with the same threshold and model as all batches before.

        Returns:
            A row a persona with the columns of `VERDICTS`.
        """
        outside = self._match_established(batch)
        matches: list[Match | None] = []
        for start in range(0, len(batch), _BLOCK):
            matches += self._decide_block(batch, range(start, min(start + _BLOCK, len(batch))), outside)
        return _frame_verdicts(batch, matches)

    def _decide_block(self, batch: Prepared, block: range, outside: Sequence[Match | None]) -> list[Match | None]:
        rows = np.arange(block.start, block.stop)
        rows = rows[batch.readable[rows]]
        near = self._find_near_kept(batch, rows)
        near_within = _pair_within(batch, rows, self._thresholds.cosine)
        matches: list[Match | None] = []
        positions: dict[int, int] = {}
        for row in block:
            inside = (
                self._match_text(batch.normalised[row])
                or self._match_tokens(batch.tokens[row], batch.bands[row].tolist())
                or self._match_near(near.get(row), near_within.get(row, ()), positions)
            )
            match = _choose(outside[row], inside)
            if match is None:
                positions[row] = self._keep(batch, row)
            matches.append(match)
        kept = [row for row in rows.tolist() if row in positions]
        self._vectors.add(batch.vectors[kept], [positions[row] for row in kept])
        return matches

    def _keep(self, batch: Prepared, row: int) -> int:
        position = len(self._ids)
        self._ids.append(batch.persona_ids[row])
        self._personas.append(batch.personas[row])
        self._tokens.append(batch.tokens[row])
        self._by_text.setdefault(batch.normalised[row], position)
        for band in batch.bands[row].tolist():
            self._by_band[band].append(position)
        return position

    def _match(self, position: int, stage: Stage, score: float) -> Match:
        return Match(self._ids[position], self._personas[position], stage, score, (1, position, 0))

    def _match_text(self, normalised: str) -> Match | None:
        position = self._by_text.get(normalised)
        return None if position is None else self._match(position, "exact", 1.0)

    def _match_tokens(self, tokens: frozenset[str], bands: Sequence[int]) -> Match | None:
        candidates = {position for band in bands for position in self._by_band.get(band, ())}
        scores = ((jaccard(tokens, self._tokens[position]), -position) for position in candidates)
        score, negative = max(scores, default=(0.0, 0))
        return self._match(-negative, "minhash", score) if score >= self._thresholds.jaccard else None

    def _match_near(
        self, best: tuple[float, int] | None, within: Sequence[tuple[float, int]], positions: Mapping[int, int]
    ) -> Match | None:
        found = [best] if best else []
        found += [(score, positions[row]) for score, row in within if row in positions]
        score, negative = max(((score, -position) for score, position in found), default=(0.0, 0))
        return self._match(-negative, "embedding", score) if found else None

    def _find_near_kept(self, batch: Prepared, rows: Rows) -> dict[int, tuple[float, int]]:
        found, positions, scores = self._vectors.find_best(batch.vectors[rows], self._thresholds.cosine)
        return dict(zip(rows[found].tolist(), zip(scores.tolist(), positions.tolist(), strict=True), strict=True))

    def _match_established(self, batch: Prepared) -> list[Match | None]:
        if self._established is None:
            return [None] * len(batch)
        sharing = self._established.find_sharing(batch.bands)
        matches = [_match_lexically(batch, row, hits, self._thresholds.jaccard) for row, hits in enumerate(sharing)]
        undecided = [row for row in np.flatnonzero(batch.readable).tolist() if matches[row] is None]
        if undecided:
            nearest = self._established.find_nearest(batch.vectors[undecided], self._thresholds.cosine - MARGIN)
            for row, hits in zip(undecided, nearest, strict=True):
                matches[row] = _match_nearest(batch.vectors[row], hits, self._thresholds.cosine)
        return matches


_STAGES: Mapping[str, int] = {"exact": 0, "minhash": 1, "embedding": 2}


def _precedence(match: Match) -> tuple[int, float, tuple[int, int, int]]:
    return _STAGES[match.stage], -match.score, match.rank


def _choose(*matches: Match | None) -> Match | None:
    return min((match for match in matches if match is not None), key=_precedence, default=None)


def _match_lexically(batch: Prepared, row: int, hits: Sequence[Hit], threshold: float) -> Match | None:
    return _choose(*(_compare(batch, row, hit, threshold) for hit in hits))


def _compare(batch: Prepared, row: int, hit: Hit, threshold: float) -> Match | None:
    text = normalise(hit.persona)
    if text == batch.normalised[row]:
        return Match(hit.persona_id, hit.persona, "exact", 1.0, (0, *hit.rank))
    score = jaccard(batch.tokens[row], tokenise(text))
    return Match(hit.persona_id, hit.persona, "minhash", score, (0, *hit.rank)) if score >= threshold else None


def _match_nearest(vector: Vectors, hits: Sequence[Hit], threshold: float) -> Match | None:
    if not hits:
        return None
    stored = np.array([hit.vector for hit in hits], dtype=np.float32)
    scores = compute_cosine(np.broadcast_to(vector, stored.shape), stored).tolist()
    pairs = zip(hits, scores, strict=True)
    return _choose(*(Match(h.persona_id, h.persona, "embedding", s, (0, *h.rank)) for h, s in pairs if s >= threshold))


def _pair_within(batch: Prepared, rows: Rows, threshold: float) -> dict[int, list[tuple[float, int]]]:
    pairs: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)
    later, earlier, scores = find_pairs_within(batch.vectors[rows], threshold)
    for row, other, score in zip(rows[later].tolist(), rows[earlier].tolist(), scores.tolist(), strict=True):
        pairs[row].append((score, other))
    return pairs


def _frame_verdicts(batch: Prepared, matches: Sequence[Match | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "persona_id": batch.persona_ids,
            "persona": batch.personas,
            "kept_id": [match and match.kept_id for match in matches],
            "kept_persona": [match and match.kept_persona for match in matches],
            "stage": [match and match.stage for match in matches],
            "score": [match and match.score for match in matches],
            "script": [find_script(text) for text in batch.personas],
            "readable": batch.readable,
        },
        schema=VERDICTS,
    )
