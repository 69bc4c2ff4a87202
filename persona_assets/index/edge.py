"""The index on disk: a Qdrant Edge shard, for one process at a time."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import qdrant_edge

from persona_assets.errors import IndexUnavailableError
from persona_assets.index.interface import IndexSpec, Point, require_same_spec
from persona_assets.index.qdrant import DENSE, FILTERS, SCAN_ROWS, SPARSE, PersonaIndex, Search, Where

# Never reached: no approximate index is built, so that every search compares all points.
_INDEXING_THRESHOLD_KB = 2**40


class EdgeIndex(PersonaIndex):
    """A Qdrant Edge shard in a folder, made when missing. Whoever opens it holds the index lock.

    Raises:
        IndexUnavailableError: if it holds something else than the spec says, or cannot be read.
    """

    compares_all = True  # no approximate index is built

    def __init__(self, folder: Path, spec: IndexSpec, exact_rows: int) -> None:
        super().__init__(spec.dimension, exact_rows)
        self._folder = folder
        self._shard = self._load(spec) if _spec_path(folder).is_file() else self._create(spec)

    def flush(self) -> None:
        """Return when everything is on disk."""
        self._shard.flush()

    def close(self) -> None:
        """Flush, and let other processes open the folder."""
        self._shard.close()

    def _upsert(self, points: Sequence[Point]) -> None:
        rows = [qdrant_edge.Point(point.point_id, self._name_vectors(point), point.payload) for point in points]
        self._shard.update(qdrant_edge.UpdateOperation.upsert_points(rows))

    def _delete(self, chosen: qdrant_edge.Filter) -> None:
        self._shard.update(qdrant_edge.UpdateOperation.delete_points_by_filter(chosen))

    def _count(self, chosen: qdrant_edge.Filter | None) -> int:
        return int(self._shard.count(qdrant_edge.CountRequest(exact=True, filter=chosen)))

    def _query(
        self, vectors: Sequence[Any], search: Search, chosen: qdrant_edge.Filter | None
    ) -> Sequence[Sequence[Any]]:
        requests = [
            qdrant_edge.QueryRequest(
                limit=search.limit,
                query=qdrant_edge.Query.Nearest(vector, search.using),
                filter=chosen,
                score_threshold=search.threshold,
                with_payload=True,
                with_vector=False if search.using == SPARSE else [DENSE],
                params=qdrant_edge.SearchParams(exact=search.exact),
            )
            for vector in vectors
        ]
        return self._shard.query_batch(qdrant_edge.QueryBatchRequest(requests))

    def _scroll(self, chosen: qdrant_edge.Filter, offset: Any) -> tuple[Sequence[Any], Any]:
        request = qdrant_edge.ScrollRequest(offset, SCAN_ROWS, chosen, with_payload=True, with_vector=[DENSE, SPARSE])
        return self._shard.scroll(request)

    def _match(self, where: Where, *, negated: bool = False) -> qdrant_edge.Filter:
        fields = where.items()
        conditions: list[Any] = [
            qdrant_edge.FieldCondition(name, qdrant_edge.MatchAny(values)) for name, values in fields
        ]
        return qdrant_edge.Filter(must_not=conditions or None) if negated else qdrant_edge.Filter(must=conditions)

    def _sparse(self, indices: Sequence[int]) -> qdrant_edge.SparseVector:
        return qdrant_edge.SparseVector(indices=list(indices), values=[1.0] * len(indices))

    def _load(self, spec: IndexSpec) -> qdrant_edge.EdgeShard:
        require_same_spec(spec, _read_spec(self._folder), place=str(self._folder))
        try:
            return qdrant_edge.EdgeShard.load(str(self._folder / "shard"))
        except Exception as error:  # noqa: BLE001 - the library raises nothing more precise
            raise IndexUnavailableError(_describe(self._folder, error)) from None

    def _create(self, spec: IndexSpec) -> qdrant_edge.EdgeShard:
        # Without a spec the folder is what a run left that died here: it holds nothing yet.
        shutil.rmtree(self._folder / "shard", ignore_errors=True)
        # Vectors are normalised already: the dot product is their cosine and leaves them as they are.
        distance, memory = qdrant_edge.Distance.Dot, qdrant_edge.Memory.Cold
        config = qdrant_edge.EdgeConfig(
            vectors={DENSE: qdrant_edge.EdgeVectorParams(size=spec.dimension, distance=distance, memory=memory)},
            sparse_vectors={SPARSE: qdrant_edge.EdgeSparseVectorParams()},
            optimizers=qdrant_edge.EdgeOptimizersConfig(indexing_threshold=_INDEXING_THRESHOLD_KB),
            # A decision is published after it was flushed, and what a dead one left is found by counting: no log of
            # single updates is read, which took a third of the disk.
            wal_enabled=False,
        )
        try:
            (self._folder / "shard").mkdir(parents=True)
            shard = qdrant_edge.EdgeShard.create(str(self._folder / "shard"), config)
            kinds = {"keyword": qdrant_edge.PayloadSchemaType.Keyword, "integer": qdrant_edge.PayloadSchemaType.Integer}
            for name, kind in FILTERS.items():
                shard.update(qdrant_edge.UpdateOperation.create_field_index(name, kinds[kind]))
            shard.flush()
            _write_spec(self._folder, spec)
        except Exception as error:  # noqa: BLE001 - the library raises nothing more precise
            raise IndexUnavailableError(_describe(self._folder, error)) from None
        return shard


def _describe(folder: Path, error: Exception) -> str:
    return (
        f"The index in {folder} cannot be opened ({error}). Free disk space and correct the folder's rights; if it is "
        "damaged, `persona-assets hub rebuild` builds it anew from the lake."
    )


def _spec_path(folder: Path) -> Path:
    return folder / "spec.json"


def _read_spec(folder: Path) -> IndexSpec | None:
    try:
        return IndexSpec(**json.loads(_spec_path(folder).read_text()))
    except (ValueError, TypeError):
        return None


def _write_spec(folder: Path, spec: IndexSpec) -> None:
    temporary = folder / "spec.json.tmp"
    with temporary.open("w") as file:
        json.dump(asdict(spec), file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(_spec_path(folder))
