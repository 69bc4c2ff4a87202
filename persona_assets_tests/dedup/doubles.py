"""An encoder whose vectors are given, and the rule written the slow and obvious way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from persona_assets.dedup.match import Thresholds
from persona_assets.dedup.preparation import prepare_personas
from persona_assets.dedup.text import jaccard, normalise, tokenise
from persona_assets.embedding.near_pairs import compute_cosine
from persona_assets.index.interface import Hit, IndexPart


@dataclass
class GivenEncoder:
    """Texts without a given vector cannot be read."""

    given: Mapping[str, Sequence[float]]
    identity: str = "given"
    dimension: int = 3

    def encode(self, texts, *, alone=False):
        raw = np.array([self.given[text] for text in texts], dtype=np.float64).reshape(len(texts), self.dimension)
        return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)

    def readable(self, texts):
        return np.array([text in self.given for text in texts], dtype=np.bool_)


class SameForAll:
    """A proposer that proposes every pair."""

    identity = "same@1"
    dimension = 2

    def encode(self, texts, *, alone=False):
        return np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (len(texts), 1))

    def readable(self, texts):
        raise AssertionError("the judge says who can be read")


class ListedHub:
    """Established personas (id, text) in a list: every one is a hit, as an index may answer too much."""

    def __init__(self, personas: Sequence[tuple[str, str]], encoder: GivenEncoder, jaccard_threshold: float) -> None:
        frame = pl.DataFrame(personas, schema={"persona_id": pl.String, "persona": pl.String}, orient="row")
        prepared = self._prepared = prepare_personas(frame, encoder, jaccard_threshold)
        self._hits = [
            Hit(*personas[row], (row // 4, row % 4), prepared.vectors[row].tolist() if prepared.readable[row] else None)
            for row in range(len(prepared))
        ]

    can_scan = True

    def scan(self):
        for start in range(0, len(self._hits), 6):
            # Backwards, as an index knows no order.
            rows = list(range(start, min(start + 6, len(self._hits))))[::-1]
            yield IndexPart(
                [self._hits[row].persona_id for row in rows],
                [self._hits[row].persona for row in rows],
                self._prepared.bands[rows],
                self._prepared.readable[rows],
                self._prepared.vectors[rows],
                [self._hits[row].rank for row in rows],
            )

    def find_sharing(self, bands):
        return [self._hits for _ in bands]

    def find_nearest(self, vectors, threshold):
        return [[hit for hit in self._hits if hit.vector is not None] for _ in vectors]


def frame_personas(texts: Sequence[str], prefix: str = "p") -> pl.DataFrame:
    ids = [f"{prefix}{number}" for number in range(len(texts))]
    schema = {"persona_id": pl.String, "persona": pl.String, "language": pl.String, "round": pl.Int32}
    languages = ["en" if text.isascii() else "ja" for text in texts]
    columns = {"persona_id": ids, "persona": list(texts), "language": languages, "round": [0] * len(texts)}
    return pl.DataFrame(columns, schema=schema)


def list_pairs(frame: pl.DataFrame) -> list[tuple[str, str]]:
    return frame.select("persona_id", "persona").rows()


def find_matches(left: str, right: str, encoder: GivenEncoder, thresholds: Thresholds) -> list[tuple[str, float]]:
    """Every stage of the rule by which two texts are one, with the score."""
    found = []
    if normalise(left) == normalise(right):
        found.append(("exact", 1.0))
    overlap = jaccard(tokenise(normalise(left)), tokenise(normalise(right)))
    if overlap >= thresholds.jaccard:
        found.append(("minhash", overlap))
    if encoder.readable([left, right]).all():
        cosine = float(compute_cosine(encoder.encode([left]), encoder.encode([right]))[0])
        if cosine >= thresholds.cosine:
            found.append(("embedding", cosine))
    return found


def decide_slowly(
    personas: Sequence[tuple[str, str]],
    encoder: GivenEncoder,
    thresholds: Thresholds,
    established: Sequence[tuple[str, str]] = (),
) -> list[tuple[str, str, float] | None]:
    """For each persona (id, text): None if it is kept, else kept_id, stage and score."""
    order = {"exact": 0, "minhash": 1, "embedding": 2}
    kept = list(established)
    verdicts = []
    for persona_id, text in personas:
        matches = [
            (order[stage], -score, rank, kept_id, stage)
            for rank, (kept_id, kept_text) in enumerate(kept)
            for stage, score in find_matches(text, kept_text, encoder, thresholds)[:1]
        ]
        if matches:
            _, negative, _, kept_id, stage = min(matches)
            verdicts.append((kept_id, stage, -negative))
        else:
            kept.append((persona_id, text))
            verdicts.append(None)
    return verdicts
