"""The index on disk: a Qdrant Edge shard, for one process at a time."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from persona_assets.errors import IndexUnavailableError
from persona_assets.index.interface import IndexPart, IndexSpec, Point, require_same_spec
from persona_assets.index.qdrant import (
    CONTRIBUTION,
    DENSE,
    FILTERS,
    SCAN_ROWS,
    SPARSE,
    ScoredHit,
    Search,
    Where,
    read_hit,
    read_part,
)

if TYPE_CHECKING:
    from qdrant_edge import EdgeShard, Filter, QueryRequest

# Never reached: no approximate index is built, so that every search compares all points.
_INDEXING_THRESHOLD_KB = 2**40


class EdgeStore:
    """A Qdrant Edge shard in a folder, made when missing. Whoever opens it holds the index lock.

    Args:
        spec: what it must hold.

    Raises:
        IndexUnavailableError: if it holds something else, or cannot be read.
    """

    def __init__(self, folder: Path, spec: IndexSpec) -> None:
        self._folder = folder
        self._dimension = spec.dimension
        self._shard = self._load(spec) if _spec_path(folder).is_file() else self._create(spec)

    @property
    def is_exhaustive(self) -> bool:
        """Always: no approximate index is built."""
        return True

    def upsert(self, points: Sequence[Point]) -> None:
        """Add points."""
        from qdrant_edge import Point as EdgePoint
        from qdrant_edge import SparseVector, UpdateOperation

        rows = []
        for point in points:
            weights = [1.0] * len(point.bands)
            vector: dict[str, Any] = {SPARSE: SparseVector(indices=list(point.bands), values=weights)}
            if point.vector is not None:
                vector[DENSE] = list(point.vector)
            rows.append(EdgePoint(point.point_id, vector, point.payload))
        self._shard.update(UpdateOperation.upsert_points(rows))

    def keep_only(self, contributions: Sequence[str]) -> None:
        """Delete the points of all other contributions."""
        from qdrant_edge import Filter, UpdateOperation

        others = Filter(must_not=self._match({CONTRIBUTION: list(contributions)}).must) if contributions else Filter()
        self._shard.update(UpdateOperation.delete_points_by_filter(others))

    def delete(self, contribution: str) -> None:
        """Delete the points of a contribution."""
        from qdrant_edge import UpdateOperation

        self._shard.update(UpdateOperation.delete_points_by_filter(self._match({CONTRIBUTION: [contribution]})))

    def count(self, contribution: str | None) -> int:
        """Count the points of a contribution, or all."""
        from qdrant_edge import CountRequest

        chosen = None if contribution is None else self._match({CONTRIBUTION: [contribution]})
        return int(self._shard.count(CountRequest(exact=True, filter=chosen)))

    def query(self, questions: Sequence[Sequence[Any]], search: Search) -> list[list[ScoredHit]]:
        """Answer a batch of questions."""
        from qdrant_edge import QueryBatchRequest

        chosen = self._match(search.where) if search.where else None
        requests = [self._request(question, search, chosen) for question in questions]
        answers = self._shard.query_batch(QueryBatchRequest(requests))
        return [[read_hit(point.score, point.payload, point.vector) for point in points] for points in answers]

    def scan(self, contributions: Sequence[str]) -> Iterator[IndexPart]:
        """Read the points of contributions."""
        from qdrant_edge import ScrollRequest

        chosen, offset = self._match({CONTRIBUTION: list(contributions)}), None
        while True:
            request = ScrollRequest(offset, SCAN_ROWS, chosen, with_payload=True, with_vector=[DENSE, SPARSE])
            records, offset = self._shard.scroll(request)
            yield read_part(records, self._dimension)
            if offset is None:
                return

    def flush(self) -> None:
        """Return when everything is on disk."""
        self._shard.flush()

    def close(self) -> None:
        """Flush, and let other processes open the folder."""
        self._shard.close()

    def _request(self, question: Sequence[Any], search: Search, chosen: "Filter | None") -> "QueryRequest":
        from qdrant_edge import Query, QueryRequest, SearchParams, SparseVector

        is_sparse = search.using == SPARSE
        vector = SparseVector(indices=list(question), values=[1.0] * len(question)) if is_sparse else list(question)
        return QueryRequest(
            limit=search.limit,
            query=Query.Nearest(vector, search.using),
            filter=chosen,
            score_threshold=search.threshold,
            with_payload=True,
            with_vector=False if is_sparse else [DENSE],
            params=SearchParams(exact=search.exact),
        )

    def _match(self, where: Where) -> "Filter":
        from qdrant_edge import FieldCondition, Filter, MatchAny

        return Filter(must=[FieldCondition(name, MatchAny(values)) for name, values in where.items()])

    def _load(self, spec: IndexSpec) -> "EdgeShard":
        from qdrant_edge import EdgeShard

        require_same_spec(
            spec,
            _read_spec(self._folder),
            place=str(self._folder),
            remedy="`persona-assets hub rebuild` builds it anew from the lake",
        )
        try:
            return EdgeShard.load(str(self._folder / "shard"))
        except Exception as error:  # noqa: BLE001 - the library raises nothing more precise
            raise IndexUnavailableError(_describe(self._folder, error)) from None

    def _create(self, spec: IndexSpec) -> "EdgeShard":
        from qdrant_edge import (
            Distance,
            EdgeConfig,
            EdgeOptimizersConfig,
            EdgeShard,
            EdgeSparseVectorParams,
            EdgeVectorParams,
            Memory,
            PayloadSchemaType,
            UpdateOperation,
        )

        # Without a spec the folder is what a run left that died here: it holds nothing yet.
        shutil.rmtree(self._folder / "shard", ignore_errors=True)
        # Vectors are normalised already: the dot product is their cosine and leaves them as they are.
        config = EdgeConfig(
            vectors={DENSE: EdgeVectorParams(size=spec.dimension, distance=Distance.Dot, memory=Memory.Cold)},
            sparse_vectors={SPARSE: EdgeSparseVectorParams()},
            optimizers=EdgeOptimizersConfig(indexing_threshold=_INDEXING_THRESHOLD_KB),
            # A decision is published after it was flushed, and what a dead one left is found by counting: no log of
            # single updates is read, which took a third of the disk.
            wal_enabled=False,
        )
        try:
            (self._folder / "shard").mkdir(parents=True)
            shard = EdgeShard.create(str(self._folder / "shard"), config)
            kinds = {"keyword": PayloadSchemaType.Keyword, "integer": PayloadSchemaType.Integer}
            for name, kind in FILTERS.items():
                shard.update(UpdateOperation.create_field_index(name, kinds[kind]))
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
