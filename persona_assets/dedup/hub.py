"""One shard's decision against the hub, so that the hub is right whatever crashes.

The lake is the truth: a contribution counts when its file is there. The order of steps, under the index lock:

1. read from the lake which contributions are published; delete every point of any other (a dead run's);
2. compare each published contribution's points with the lake's rows; put back what is missing;
3. decide the shard's personas against all other shards';
4. add the kept ones under a new contribution, to disk;
5. the caller writes the file to the lake, which publishes it;
6. delete what the lake no longer names: the shard's former contribution.

Killed before 5, the next decision's step 1 removes the new points; killed after it, the former ones.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl

from persona_assets.dedup.established import IndexView, make_spec, upsert_kept, upsert_rows
from persona_assets.dedup.match import Thresholds, count_verdicts, split_verdicts
from persona_assets.dedup.memory import return_freed_memory
from persona_assets.dedup.portrait import Portrait, draw_portrait
from persona_assets.dedup.preparation import embed_personas, prepare_ahead, require_unique
from persona_assets.dedup.published import Contribution, LakeHub
from persona_assets.dedup.rule import VERDICTS, Deduplicator
from persona_assets.dedup.violations import SAMPLE_WITHIN, ViolationSample, sample_violations
from persona_assets.embedding.cache import CachedEncoder
from persona_assets.embedding.encoder import TextEncoder
from persona_assets.embedding.proposer import find_judge
from persona_assets.errors import LakeError, UndecidedShardError
from persona_assets.index.open import open_index
from persona_assets.index.qdrant import PersonaIndex
from persona_assets.settings import Settings

_SLICE = 8_192
_ASKED_AT_ONCE = 65_536
"""Personas of which the index is asked at once: what it must read for the first serves all of them."""


@dataclass(frozen=True, slots=True)
class HubDecision:
    """What was decided of a shard's personas.

    Attributes:
        contribution: to be stored with the lake's file: generation, order and rows.
        kept: with all columns of the input, in its order.
        duplicates: persona_id, persona, kept_id, kept_persona, stage and score of each dropped one, in order.
        counts: by language, how many rows each stage judged and dropped.
        is_unchanged: whether the published contribution of the shard is the same.
        violations: a sample of the kept ones searched again, where the search was not exhaustive.
        portrait: a sample of the kept ones among all of the hub.
    """

    contribution: Contribution
    kept: pl.DataFrame
    duplicates: pl.DataFrame
    counts: pl.DataFrame
    is_unchanged: bool
    violations: ViolationSample | None
    portrait: Portrait


@contextmanager
def decide_shard(
    settings: Settings,
    shard: str,
    personas: pl.DataFrame,
    *,
    encoder: TextEncoder,
    published: LakeHub,
    registered: Sequence[str] = (),
) -> Iterator[HubDecision]:
    """Decide a shard's personas, and keep the hub for it until the body has written them to the lake.

    The body must write kept, duplicates and the contribution to the lake; if it raises, nothing is published.

    Args:
        personas: persona_id, persona, language, round and any other columns, in order.
        registered: all shards in order of registration, for `hub.order = "registration"`.

    Raises:
        IndexUnavailableError: if the index is down, locked or of another model.
        UndecidedShardError: if an earlier shard is not decided yet and the order of registration is set.
    """
    require_unique(personas["persona_id"])
    spec = make_spec(encoder, settings.hub.jaccard)
    for part in personas.select("persona").iter_slices(_SLICE):
        embed_personas(part["persona"], encoder)  # fills the cache before the lock is taken
    with open_index(settings, spec) as index:
        session = _Session(settings, shard, encoder=encoder, index=index, published=published)
        yield session.decide(personas, registered)
        session.retire()


def rebuild_index(settings: Settings, *, encoder: TextEncoder, published: LakeHub) -> int:
    """Build the index anew from the lake, whatever it holds: after a loss, or for another embedding model.

    Killed in the middle, the next decision goes on with it. The verdicts stay as they are, and only vectors that were
    never computed are computed. Returns how many personas the index holds.

    Raises:
        IndexUnavailableError: if the index is down or in use.
    """
    contributions = published.contributions()
    for contribution in contributions if isinstance(encoder, CachedEncoder) else ():
        for frame in published.read(contribution):
            embed_personas(frame["persona"], encoder)  # fills the cache before the lock is taken
    with open_index(settings, make_spec(encoder, settings.hub.jaccard), anew=True) as index:
        _Session(settings, "", encoder=encoder, index=index, published=published).repair()
        return sum(index.count(contribution.name) for contribution in published.contributions())


class _Session:
    """The steps of one decision, under the lock."""

    def __init__(
        self, settings: Settings, shard: str, *, encoder: TextEncoder, index: PersonaIndex, published: LakeHub
    ) -> None:
        self._settings = settings
        self._thresholds = Thresholds(settings.hub.jaccard, settings.hub.cosine)
        self._shard = shard
        self._encoder = encoder
        self._index = index
        self._published = published

    def decide(self, personas: pl.DataFrame, registered: Sequence[str]) -> HubDecision:
        """Steps 1 to 4."""
        valid = {contribution.shard: contribution for contribution in self._published.contributions()}
        if self._settings.hub.order == "registration":
            _require_earlier(self._shard, registered, valid)
        self._repair([*valid.values()])
        former = valid.pop(self._shard, None)
        contribution, kept, duplicates, counts, violations = self._decide_and_add(personas, [*valid.values()], former)
        # A million personas leave half a gigabyte behind, and the index's own pages come on top when it is searched.
        return_freed_memory()
        portrait = draw_portrait(self._index, self._encoder, kept)
        return HubDecision(contribution, kept, duplicates, counts, contribution == former, violations, portrait)

    def repair(self) -> None:
        """Steps 1 and 2."""
        self._repair(self._published.contributions())
        self._index.flush()

    def retire(self) -> None:
        """Step 6."""
        self._index.keep_only([contribution.name for contribution in self._published.contributions()])
        self._index.flush()

    def _repair(self, valid: Sequence[Contribution]) -> None:
        self._index.keep_only([contribution.name for contribution in valid])
        for contribution in valid:
            if self._index.count(contribution.name) != contribution.rows:
                self._index.delete(contribution.name)
                frames = self._published.read(contribution)
                upsert_rows(self._index, contribution, frames, self._encoder, self._thresholds.jaccard)

    def _decide_and_add(
        self, personas: pl.DataFrame, others: Sequence[Contribution], former: Contribution | None
    ) -> tuple[Contribution, pl.DataFrame, pl.DataFrame, pl.DataFrame, ViolationSample | None]:
        established = [contribution.name for contribution in others]
        rule, kept, duplicates, counts = self._judge(personas, established)
        violations = self._sample_violations(kept, established, rule)
        # The index's own pages come on top while it is written.
        rule.kept.end_search()
        contribution = self._name(kept, former, max((c.order for c in others), default=0) + 1)
        if self._index.count(contribution.name) != contribution.rows:
            upsert_kept(self._index, contribution, kept, rule.kept.hand_over())
        self._index.flush()
        return contribution, kept, duplicates, counts, violations

    def _judge(
        self, personas: pl.DataFrame, established: Sequence[str]
    ) -> tuple[Deduplicator, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        view = IndexView(self._index, established) if established else None
        rule = Deduplicator(self._thresholds, view, find_judge(self._encoder), self._settings.hub.exact_rows)
        slices = personas.iter_slices(_ASKED_AT_ONCE if established else _SLICE)
        parts = [rule.decide(part) for part in prepare_ahead(slices, self._encoder, self._thresholds.jaccard)]
        verdicts = pl.concat([VERDICTS.to_frame(), *parts])
        return rule, *split_verdicts(personas, verdicts), count_verdicts(verdicts, personas["language"])

    def _sample_violations(
        self, kept: pl.DataFrame, established: Sequence[str], rule: Deduplicator
    ) -> ViolationSample | None:
        within = None if rule.kept.is_exhaustive else ViolationSample(*rule.kept.count_missed(SAMPLE_WITHIN))
        if self._index.is_exhaustive:
            return within
        sample = sample_violations(self._index, established, kept, thresholds=self._thresholds, encoder=self._encoder)
        # Of two searches the worse one counts.
        return max(sample, within, key=lambda one: one.rate) if within else sample

    def _name(self, kept: pl.DataFrame, former: Contribution | None, order: int) -> Contribution:
        spec = make_spec(self._encoder, self._thresholds.jaccard)
        facts = [self._thresholds.jaccard, self._thresholds.cosine, spec.model, spec.lexical]
        digest = hashlib.sha256(json.dumps(facts).encode())
        for part in kept.select("persona_id", "persona").iter_slices(_SLICE):
            digest.update(part.write_ndjson().encode())
        generation = digest.hexdigest()[:16]
        # A decision that changes nothing in the hub keeps its place in the order.
        if former is not None and former.generation == generation:
            order = former.order
        return Contribution(self._shard, generation, order, len(kept))


def _require_earlier(shard: str, registered: Sequence[str], decided: Mapping[str, Contribution]) -> None:
    if shard not in registered:
        raise LakeError(f"hub.order is 'registration', but the shard {shard} is not registered. Register it first.")
    missing = [earlier for earlier in registered[: registered.index(shard)] if earlier not in decided]
    if missing:
        raise UndecidedShardError(
            f"hub.order is 'registration': before the shard {shard} come {len(missing)} that are not decided yet "
            f"({', '.join(missing[:5])}{', ...' if len(missing) > 5 else ''}). Materialise their persona_hub first, or "
            "set hub.order to 'decision'."
        )
