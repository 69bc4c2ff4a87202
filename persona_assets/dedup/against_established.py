"""A batch against the personas that earlier decisions kept: found by searches, or by reading all of them once."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from persona_assets.dedup.established import IndexView
from persona_assets.dedup.kept_personas import Found, KeptPersonas
from persona_assets.dedup.match import Match, Thresholds, choose, is_lexical
from persona_assets.dedup.preparation import Prepared
from persona_assets.dedup.text import jaccard, normalise, tokenise
from persona_assets.dedup.token_sets import TokenSets
from persona_assets.embedding.near_pairs import MARGIN, Vectors, compute_cosine
from persona_assets.embedding.proposer import Judge
from persona_assets.index.interface import Hit, IndexPart

SCAN_FROM: Final = 1_000
"""Personas from which on reading all established ones once is faster than searching for each."""


def match_established(
    batch: Prepared, established: IndexView, thresholds: Thresholds, judge: Judge | None = None
) -> list[Match | None]:
    """Find for each persona the established one that it duplicates, if any.

    Args:
        judge: who compares what the vectors bring together, where they only propose. Default: the vectors count.
    """
    # A search brings the nearest proposal, and the judge must see all.
    if judge or (len(batch) >= SCAN_FROM and established.can_scan):
        return _scan(batch, established, thresholds, judge)
    return _search(batch, established, thresholds)


def _scan(batch: Prepared, established: IndexView, thresholds: Thresholds, judge: Judge | None) -> list[Match | None]:
    matches: list[Match | None] = [None] * len(batch)
    for part in established.scan():
        kept, ranks = _take_in(part, thresholds, judge)

        def name(found: Found, kept: KeptPersonas = kept, ranks: list[tuple[int, int]] = ranks) -> Match:
            rank = (0, *ranks[found.position])
            return Match(*kept.name_kept(found.position), found.stage, found.score, rank)

        for row, found in kept.find_lexically(batch, range(len(batch))).items():
            matches[row] = choose(matches[row], name(found))
        undecided = [row for row in np.flatnonzero(batch.readable).tolist() if not is_lexical(matches[row])]
        for row, found in kept.find_near(batch, undecided).items():
            matches[row] = choose(matches[row], name(found))
    return matches


def _take_in(
    part: IndexPart, thresholds: Thresholds, judge: Judge | None
) -> tuple[KeptPersonas, list[tuple[int, int]]]:
    # By rank, since of several as similar the earliest is named.
    order = sorted(range(len(part)), key=part.ranks.__getitem__)
    personas = [part.personas[row] for row in order]
    normalised = [normalise(persona) for persona in personas]
    tokens = [tokenise(text) for text in normalised]
    prepared = Prepared(
        persona_ids=[part.persona_ids[row] for row in order],
        personas=personas,
        normalised=normalised,
        tokens=tokens,
        token_sets=TokenSets.of(tokens),
        bands=part.bands[order],
        readable=part.readable[order],
        vectors=part.vectors[order],
    )
    kept = KeptPersonas(thresholds, judge)
    kept.extend(prepared, range(len(prepared)))
    return kept, [part.ranks[row] for row in order]


def _search(batch: Prepared, established: IndexView, thresholds: Thresholds) -> list[Match | None]:
    sharing = established.find_sharing(batch.bands)
    matches = [
        choose(*(_compare(batch, row, hit, thresholds.jaccard) for hit in hits)) for row, hits in enumerate(sharing)
    ]
    undecided = [row for row in np.flatnonzero(batch.readable).tolist() if matches[row] is None]
    if undecided:
        nearest = established.find_nearest(batch.vectors[undecided], thresholds.cosine - MARGIN)
        for row, hits in zip(undecided, nearest, strict=True):
            matches[row] = _match_nearest(batch.vectors[row], hits, thresholds.cosine)
    return matches


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
    return choose(*(Match(h.persona_id, h.persona, "embedding", s, (0, *h.rank)) for h, s in pairs if s >= threshold))
