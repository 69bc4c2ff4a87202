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

from collections.abc import Sequence

import polars as pl

from persona_assets.dedup.against_established import match_established
from persona_assets.dedup.established import IndexView
from persona_assets.dedup.kept_personas import Found, KeptPersonas, YoungPersonas, pair_within
from persona_assets.dedup.match import STAGES, Match, Thresholds, choose, is_lexical
from persona_assets.dedup.preparation import Prepared
from persona_assets.embedding.proposer import Judge
from persona_assets.embedding.threads import one_blas_thread

_TEXTS = ("persona_id", "persona", "kept_id", "kept_persona", "stage")
VERDICTS = pl.Schema({**dict.fromkeys(_TEXTS, pl.String()), "score": pl.Float64(), "readable": pl.Boolean()})
"""A row a persona, in order; `kept_id`, `kept_persona`, `stage` and `score` are null for those that are kept."""

_BLOCK = 1_024


class Deduplicator:
    """Applies the rule to batches of personas and remembers the kept ones.

    The batches' sizes change nothing: the verdicts are those of all the personas in one batch.

    Args:
        established: the personas kept before; none for an empty hub.
        judge: who compares what the vectors bring together, where they only propose. Default: the vectors count.
        exact_rows: up to how many kept ones embeddings are searched exhaustively. Default: however many there are.
    """

    def __init__(
        self,
        thresholds: Thresholds,
        established: IndexView | None = None,
        judge: Judge | None = None,
        exact_rows: int | None = None,
    ) -> None:
        self._thresholds = thresholds
        self._established = established
        self._judge = judge
        self.kept = KeptPersonas(thresholds, judge, exact_rows)

    def decide(self, batch: Prepared) -> pl.DataFrame:
        """Decide the next personas, prepared with the same threshold and model as all before; gives `VERDICTS`."""
        with one_blas_thread():
            return _frame_verdicts(batch, self._decide(batch))

    def _decide(self, batch: Prepared) -> list[Match | None]:
        outside: Sequence[Match | None] = [None] * len(batch)
        if self._established is not None:
            outside = match_established(batch, self._established, self._thresholds, self._judge)
        matches: list[Match | None] = []
        for start in range(0, len(batch), _BLOCK):
            block = range(start, min(start + _BLOCK, len(batch)))
            matches += self._decide_block(batch, block, outside)
        return matches

    def _decide_block(self, batch: Prepared, block: range, outside: Sequence[Match | None]) -> list[Match | None]:
        known = self.kept.find_lexically(batch, block)
        open_rows = [row for row in block if batch.readable[row] and row not in known and not is_lexical(outside[row])]
        near = self.kept.find_near(batch, open_rows)
        near_within = pair_within(batch, open_rows, self._thresholds.cosine, self._judge)
        young = YoungPersonas(batch, block, len(self.kept), self._thresholds.jaccard)
        matches: list[Match | None] = []
        for row in block:
            inside = [known.get(row), near.get(row), young.find_lexically(row)]
            inside += [young.name(other, score) for score, other in near_within.get(row, ())]
            found = min((one for one in inside if one is not None), key=_order_found, default=None)
            match = choose(outside[row], self._match(found, young) if found else None)
            if match is None:
                young.keep(row)
            matches.append(match)
        self.kept.extend(batch, young.rows)
        return matches

    def _match(self, found: Found, young: YoungPersonas) -> Match:
        kept_id, kept_persona = (young if found.position >= len(self.kept) else self.kept).name_kept(found.position)
        return Match(kept_id, kept_persona, found.stage, found.score, (1, found.position, 0))


def _order_found(found: Found) -> tuple[int, float, int]:
    return STAGES[found.stage], -found.score, found.position


def _frame_verdicts(batch: Prepared, matches: Sequence[Match | None]) -> pl.DataFrame:
    names = ("kept_id", "kept_persona", "stage", "score")
    found = {name: [match and getattr(match, name) for match in matches] for name in names}
    columns = {"persona_id": batch.persona_ids, "persona": batch.personas, **found, "readable": batch.readable}
    return pl.DataFrame(columns, schema=VERDICTS)
