"""The personas that a shard's decision kept so far: those of former blocks in arrays, those of this one at hand."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from persona_assets.dedup.kept_vectors import KeptVectors
from persona_assets.dedup.key_index import KeyIndex
from persona_assets.dedup.match import Stage, Thresholds
from persona_assets.dedup.minhash import Bands
from persona_assets.dedup.preparation import Prepared
from persona_assets.dedup.text import jaccard, normalise, tokenise
from persona_assets.dedup.token_sets import TokenSets
from persona_assets.embedding.near_pairs import find_pairs_within
from persona_assets.embedding.proposer import Judge
from persona_assets.index.interface import PersonaColumns

_HASH_MASK = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Found:
    """A kept persona that a new one duplicates.

    Attributes:
        score: 1, the Jaccard similarity, or the cosine, by the stage.
        position: of the kept one among all kept ones.
    """

    stage: Stage
    score: float
    position: int


class KeptPersonas:
    """The kept personas of all blocks before; of a million with 384 dimensions, about 2.5 GB.

    Args:
        judge: who compares what the vectors bring together, where they only propose.
        exact_rows: up to how many of them embeddings are searched exhaustively; none: however many there are.
    """

    def __init__(self, thresholds: Thresholds, judge: Judge | None = None, exact_rows: int | None = None) -> None:
        self._jaccard = thresholds.jaccard
        self._cosine = thresholds.cosine
        self._judge = judge
        self._ids: list[str] = []
        self._personas: list[str] = []
        self._by_text = KeyIndex()
        self._by_band = KeyIndex()
        self._tokens = TokenSets()
        self._vectors = KeptVectors(thresholds.cosine - (judge.margin if judge else 0.0), exact_rows)
        self._parts: list[tuple[Bands, npt.NDArray[np.bool_]]] = []

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def is_exhaustive(self) -> bool:
        """Whether every search compared all of them."""
        return self._vectors.is_exhaustive

    def name_kept(self, position: int) -> tuple[str, str]:
        """The id and the text of a kept persona."""
        return self._ids[position], self._personas[position]

    def count_missed(self, sample_rows: int) -> tuple[int, int]:
        """Search for some of them again, exhaustively.

        Returns how many were searched for, and how many of them should have been dropped or have dropped another.
        """
        n = len(self._vectors)
        numbers = np.unique(np.linspace(0, n - 1, min(sample_rows, n), dtype=np.int64))
        later, earlier = self._vectors.find_missed(numbers)
        if self._judge and len(later):
            texts = [[self._personas[position] for position in side.tolist()] for side in (later, earlier)]
            later = later[self._judge.compare(*texts) >= self._cosine]
        return len(numbers), len(np.unique(later))

    def extend(self, batch: Prepared, rows: Sequence[int]) -> None:
        """Add rows of a batch."""
        positions = np.arange(len(self), len(self) + len(rows))
        self._ids += [batch.persona_ids[row] for row in rows]
        self._personas += [batch.personas[row] for row in rows]
        chosen = np.array(rows, dtype=np.int64)
        bands, readable = batch.bands[chosen], batch.readable[chosen]
        self._by_text.add(_hash_texts(batch, rows), positions)
        self._by_band.add(bands, positions)
        self._tokens.add(batch.token_sets, chosen)
        self._vectors.add(batch.vectors[chosen[readable]], positions[readable].tolist())
        self._parts.append((bands, readable))

    def find_lexically(self, batch: Prepared, block: range) -> dict[int, Found]:
        """Find for each row of a block the kept one that is equal, else the most similar lexically."""
        found: dict[int, Found] = {}
        rows, positions = self._by_text.find(_hash_texts(batch, block))
        for row, position in zip((rows + block.start).tolist(), positions.tolist(), strict=True):
            if row not in found and normalise(self._personas[position]) == batch.normalised[row]:
                found[row] = Found("exact", 1.0, position)
        rows, positions = self._by_band.find(batch.bands[block.start : block.stop])
        rows += block.start
        is_similar = batch.token_sets.bound_jaccard(rows, self._tokens, positions, self._jaccard) >= self._jaccard
        for row, position in zip(rows[is_similar].tolist(), positions[is_similar].tolist(), strict=True):
            best = found.get(row)
            if best is not None and best.stage == "exact":
                continue
            score = jaccard(batch.tokens[row], tokenise(normalise(self._personas[position])))
            if score >= self._jaccard and (best is None or score > best.score):
                found[row] = Found("minhash", score, position)
        return found

    def find_near(self, batch: Prepared, rows: Sequence[int]) -> dict[int, Found]:
        """Find for each row the kept one with the nearest embedding; of several as near, the earliest."""
        found: dict[int, Found] = {}
        near, positions, scores = self._vectors.find_near(batch.vectors[rows])
        if self._judge:
            asked = [batch.personas[rows[row]] for row in near.tolist()]
            scores = self._judge.compare(asked, [self._personas[position] for position in positions.tolist()])
        for row, position, score in zip(near.tolist(), positions.tolist(), scores.tolist(), strict=True):
            best = found.get(rows[row])
            if score >= self._cosine and (best is None or score > best.score):
                found[rows[row]] = Found("embedding", score, position)
        return found

    def end_search(self) -> None:
        """Let go of what only searches need, half of the memory; the kept ones stay, to be named and handed over."""
        self._by_text, self._by_band, self._tokens = KeyIndex(), KeyIndex(), TokenSets()
        self._vectors.end_search()

    def hand_over(self) -> Iterator[PersonaColumns]:
        """All kept personas in order, some at a time, for the last time: their vectors are let go of on the way."""
        start, n_vectors = 0, 0
        for bands, readable in self._parts:
            stop = start + len(bands)
            known = self._vectors.take(n_vectors, n_vectors + int(readable.sum()))
            vectors = np.zeros((len(bands), known.shape[1]), dtype=np.float32)
            vectors[readable] = known
            yield PersonaColumns(self._ids[start:stop], self._personas[start:stop], bands, readable, vectors)
            start, n_vectors = stop, n_vectors + len(known)
            self._vectors.let_go(n_vectors)


class YoungPersonas:
    """The kept personas of the block that is being decided. `first`: position of the first that is kept."""

    def __init__(self, batch: Prepared, block: range, first: int, jaccard_threshold: float) -> None:
        self._batch = batch
        self._first = first
        self.rows: list[int] = []
        self._positions: dict[int, int] = {}
        self._by_text: dict[str, int] = {}
        self._similar = _compare_texts(batch, block, jaccard_threshold)

    def keep(self, row: int) -> None:
        """Keep a row."""
        self._positions[row] = self._first + len(self.rows)
        self.rows.append(row)
        self._by_text.setdefault(self._batch.normalised[row], row)

    def name_kept(self, position: int) -> tuple[str, str]:
        """The id and the text of a kept persona."""
        row = self.rows[position - self._first]
        return self._batch.persona_ids[row], self._batch.personas[row]

    def find_lexically(self, row: int) -> Found | None:
        """The kept row whose text is equal, else the most similar lexically; of several, the earliest."""
        text = self._batch.normalised[row]
        if text in self._by_text:
            return Found("exact", 1.0, self._positions[self._by_text[text]])
        kept = ((score, self._by_text[other]) for score, other in self._similar.get(text, ()) if other in self._by_text)
        score, negative = max(((score, -self._positions[other]) for score, other in kept), default=(0.0, 0))
        return Found("minhash", score, -negative) if score else None

    def name(self, row: int, cosine: float) -> Found | None:
        """A row as one found near by; none if it was not kept."""
        return Found("embedding", cosine, self._positions[row]) if row in self._positions else None


def pair_within(
    batch: Prepared, rows: Sequence[int], threshold: float, judge: Judge | None
) -> dict[int, list[tuple[float, int]]]:
    """Find for some rows of a block the earlier ones of them at or above a cosine, with it."""
    pairs: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)
    margin = judge.margin if judge else 0.0
    later, earlier, scores = find_pairs_within(batch.vectors[rows], threshold - margin)
    if judge:
        texts = [batch.personas[row] for row in rows]
        scores = judge.compare([texts[row] for row in later.tolist()], [texts[row] for row in earlier.tolist()])
    for row, other, score in zip(later.tolist(), earlier.tolist(), scores.tolist(), strict=True):
        if score >= threshold:
            pairs[rows[row]].append((score, rows[other]))
    return pairs


def _compare_texts(batch: Prepared, block: range, threshold: float) -> dict[str, list[tuple[float, str]]]:
    # Each different text once: a block of one persona's copies has half a million pairs.
    rows = np.array(list({batch.normalised[row]: row for row in block}.values()))
    by_band = KeyIndex()
    by_band.add(batch.bands[rows], rows)
    asked, right = by_band.find(batch.bands[rows])
    left = rows[asked]
    bounds = batch.token_sets.bound_jaccard(left, batch.token_sets, right, threshold)
    is_similar = (left != right) & (bounds >= threshold)
    similar: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for one, other in zip(left[is_similar].tolist(), right[is_similar].tolist(), strict=True):
        score = jaccard(batch.tokens[one], batch.tokens[other])
        if score >= threshold:
            similar[batch.normalised[one]].append((score, batch.normalised[other]))
    return similar


def _hash_texts(batch: Prepared, rows: Sequence[int]) -> npt.NDArray[np.uint64]:
    # Within one process alone, so the hash of strings serves; who shares one is compared.
    hashes = [hash(batch.normalised[row]) & _HASH_MASK for row in rows]
    return np.array(hashes, dtype=np.uint64).reshape(-1, 1)
