"""The index on a Qdrant server or cluster, by qdrant-client."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

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
    from qdrant_client import QdrantClient
    from qdrant_client.models import Filter, QueryRequest

_METADATA = "persona_assets"
_REFUSED = (401, 403)
_BUSY = (408, 429, 500, 502, 503, 504)
_WAITS = (0.5, 2.0, 8.0)
"""Seconds before each further attempt."""

_log = logging.getLogger(__name__)
T = TypeVar("T")


class ServerStore:
    """A collection of a Qdrant server, made when missing.

    Args:
        client: connected to the server (or qdrant-client's local mode).
        spec: what it must hold.
        quantization: of the vectors, for a collection that is made: none or int8.

    Raises:
        IndexUnavailableError: if the server is down or refuses the key, or the collection holds something else.
    """

    def __init__(
        self, client: "QdrantClient", url: str, collection: str, spec: IndexSpec, quantization: str = "none"
    ) -> None:
        self._client = client
        self._url = url
        self._collection = collection
        self._dimension = spec.dimension
        if not self._try(lambda: client.collection_exists(collection)):
            self._try(lambda: self._create(spec, quantization))
        metadata = self._try(lambda: client.get_collection(collection)).config.metadata or {}
        found = metadata.get(_METADATA)
        require_same_spec(
            spec,
            IndexSpec(**found) if found else None,
            place=f"The collection {collection} at {url}",
            remedy="`persona-assets hub rebuild` builds it anew from the lake",
        )

    @property
    def is_exhaustive(self) -> bool:
        """No: it may build an approximate index, and use it unless a search is exact."""
        return False

    def upsert(self, points: Sequence[Point]) -> None:
        """Add points."""
        from qdrant_client.models import PointStruct, SparseVector

        rows = []
        for point in points:
            weights = [1.0] * len(point.bands)
            vector: dict[str, Any] = {SPARSE: SparseVector(indices=list(point.bands), values=weights)}
            if point.vector is not None:
                vector[DENSE] = list(point.vector)
            rows.append(PointStruct(id=point.point_id, vector=vector, payload=point.payload))
        self._try(lambda: self._client.upsert(self._collection, rows, wait=True))

    def keep_only(self, contributions: Sequence[str]) -> None:
        """Delete the points of all other contributions."""
        from qdrant_client.models import Filter

        self._delete(
            Filter(must_not=self._match({CONTRIBUTION: list(contributions)}).must) if contributions else Filter()
        )

    def delete(self, contribution: str) -> None:
        """Delete the points of a contribution."""
        self._delete(self._match({CONTRIBUTION: [contribution]}))

    def count(self, contribution: str | None) -> int:
        """Count the points of a contribution, or all."""
        chosen = None if contribution is None else self._match({CONTRIBUTION: [contribution]})
        return int(self._try(lambda: self._client.count(self._collection, count_filter=chosen, exact=True)).count)

    def query(self, questions: Sequence[Sequence[Any]], search: Search) -> list[list[ScoredHit]]:
        """Answer a batch of questions."""
        chosen = self._match(search.where) if search.where else None
        requests = [self._request(question, search, chosen) for question in questions]
        answers = self._try(lambda: self._client.query_batch_points(self._collection, requests))
        return [[read_hit(point.score, point.payload, point.vector) for point in answer.points] for answer in answers]

    def scan(self, contributions: Sequence[str]) -> Iterator[IndexPart]:
        """Read the points of contributions."""
        chosen, offset = self._match({CONTRIBUTION: list(contributions)}), None
        while True:
            records, offset = self._try(partial(self._scroll, chosen, offset))
            yield read_part(records, self._dimension)
            if offset is None:
                return

    def flush(self) -> None:
        """Nothing to do: every write waited until the server had it in its log."""

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _scroll(self, chosen: "Filter", offset: Any) -> tuple[Any, Any]:
        return self._client.scroll(
            self._collection, chosen, limit=SCAN_ROWS, offset=offset, with_payload=True, with_vectors=[DENSE, SPARSE]
        )

    def _delete(self, chosen: "Filter") -> None:
        from qdrant_client.models import FilterSelector

        self._try(lambda: self._client.delete(self._collection, FilterSelector(filter=chosen), wait=True))

    def _request(self, question: Sequence[Any], search: Search, chosen: "Filter | None") -> "QueryRequest":
        from qdrant_client.models import (
            NearestQuery,
            QuantizationSearchParams,
            QueryRequest,
            SearchParams,
            SparseVector,
        )

        is_sparse = search.using == SPARSE
        vector = SparseVector(indices=question, values=[1.0] * len(question)) if is_sparse else list(question)
        return QueryRequest(
            query=NearestQuery(nearest=vector),
            using=search.using,
            limit=search.limit,
            filter=chosen,
            score_threshold=search.threshold,
            with_payload=True,
            with_vector=False if is_sparse else [DENSE],
            params=SearchParams(
                exact=search.exact, quantization=QuantizationSearchParams(rescore=True, oversampling=2.0)
            ),
        )

    def _match(self, where: Where) -> "Filter":
        from qdrant_client.models import FieldCondition, Filter, MatchAny

        fields = [FieldCondition(key=name, match=MatchAny(any=values)) for name, values in where.items()]
        return Filter(must=fields)

    def _create(self, spec: IndexSpec, quantization: str) -> None:
        from qdrant_client import models

        int8 = models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        )
        # Vectors are normalised already: the dot product is their cosine and leaves them as they are.
        dense = models.VectorParams(
            size=spec.dimension,
            distance=models.Distance.DOT,
            quantization_config=int8 if quantization == "int8" else None,
        )
        self._client.create_collection(
            self._collection,
            vectors_config={DENSE: dense},
            sparse_vectors_config={SPARSE: models.SparseVectorParams()},
            metadata={_METADATA: asdict(spec)},
        )
        for name, kind in FILTERS.items():
            self._client.create_payload_index(self._collection, name, models.PayloadSchemaType(kind), wait=True)

    def _try(self, call: Callable[[], T]) -> T:
        return _insist(call, self._url)


def drop_collection(client: "QdrantClient", url: str, collection: str) -> None:
    """Delete a collection that was made here, whatever model it is of; one that is not there is no problem.

    Raises:
        IndexUnavailableError: if the server is down or refuses the key, or somebody else made the collection.
    """
    try:
        if not _insist(lambda: client.collection_exists(collection), url):
            return
        metadata = _insist(lambda: client.get_collection(collection), url).config.metadata or {}
        if _METADATA not in metadata:
            raise IndexUnavailableError(
                f"The collection {collection} at {url} was not made by persona_assets, and is left as it is. Set"
                " index.collection to another name."
            )
        _insist(lambda: client.delete_collection(collection), url)
    finally:
        client.close()


def _insist(call: Callable[[], T], url: str) -> T:
    """Make a call, again while the server is away or has too much to do; every call may be made twice."""
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

    for wait in (*_WAITS, None):
        try:
            return call()
        except ResponseHandlingException as error:
            if wait is None:
                raise IndexUnavailableError(
                    f"index.url: no Qdrant server answers at {url} ({error}). Start it, correct index.url, or unset "
                    "it to use the index on disk. Nothing of this shard was published."
                ) from None
        except UnexpectedResponse as error:
            if error.status_code in _REFUSED:
                raise IndexUnavailableError(f"index.api_key: the Qdrant server at {url} refuses the key.") from None
            if error.status_code not in _BUSY or wait is None:
                raise IndexUnavailableError(f"index.url: the server at {url} answered: {error}") from None
        _log.info("%s: no answer. Next attempt in %g s.", url, wait)
        time.sleep(wait)
    raise AssertionError


def connect(url: str, api_key: str | None) -> "QdrantClient":
    """Connect to a server; nothing is sent yet; IndexUnavailableError if the URL is none."""
    from qdrant_client import QdrantClient

    try:
        return QdrantClient(url=url, api_key=api_key, timeout=120, check_compatibility=False)
    except ValueError as error:
        raise IndexUnavailableError(f"index.url: {url!r} is no URL of a server ({error}).") from None
