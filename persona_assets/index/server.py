"""The index on a Qdrant server or cluster, by qdrant-client."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from persona_assets.errors import IndexUnavailableError
from persona_assets.index.interface import IndexSpec, Point, require_same_spec
from persona_assets.index.qdrant import DENSE, FILTERS, SCAN_ROWS, SPARSE, PersonaIndex, Search, Where

_METADATA = "persona_assets"
_REFUSED = (401, 403)
_BUSY = (408, 429, 500, 502, 503, 504)
_WAITS = (0.5, 2.0, 8.0)
"""Seconds before each further attempt."""

_log = logging.getLogger(__name__)
T = TypeVar("T")


class ServerIndex(PersonaIndex):
    """A collection of a Qdrant server, made when missing.

    Args:
        client: connected to the server (or qdrant-client's local mode).
        quantization: of the vectors, for a collection that is made: none or int8.

    Raises:
        IndexUnavailableError: if the server is down or refuses the key, or the collection holds something else.
    """

    compares_all = False  # it may build an approximate index, and use it unless a search is exact

    def __init__(
        self,
        client: QdrantClient,
        url: str,
        collection: str,
        spec: IndexSpec,
        exact_rows: int,
        quantization: str = "none",
    ) -> None:
        super().__init__(spec.dimension, exact_rows)
        self._client = client
        self._url = url
        self._collection = collection
        if not self._try(lambda: client.collection_exists(collection)):
            self._try(lambda: self._create(spec, quantization))
        metadata = self._try(lambda: client.get_collection(collection)).config.metadata or {}
        found = IndexSpec(**metadata[_METADATA]) if metadata.get(_METADATA) else None
        require_same_spec(spec, found, place=f"The collection {collection} at {url}")

    def flush(self) -> None:
        """Nothing to do: every write waited until the server had it in its log."""

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _upsert(self, points: Sequence[Point]) -> None:
        rows = [
            models.PointStruct(id=point.point_id, vector=self._name_vectors(point), payload=point.payload)
            for point in points
        ]
        self._try(lambda: self._client.upsert(self._collection, rows, wait=True))

    def _delete(self, chosen: models.Filter) -> None:
        self._try(lambda: self._client.delete(self._collection, models.FilterSelector(filter=chosen), wait=True))

    def _count(self, chosen: models.Filter | None) -> int:
        return int(self._try(lambda: self._client.count(self._collection, count_filter=chosen, exact=True)).count)

    def _query(self, vectors: Sequence[Any], search: Search, chosen: models.Filter | None) -> Sequence[Sequence[Any]]:
        rescored = models.QuantizationSearchParams(rescore=True, oversampling=2.0)
        requests = [
            models.QueryRequest(
                query=models.NearestQuery(nearest=vector),
                using=search.using,
                limit=search.limit,
                filter=chosen,
                score_threshold=search.threshold,
                with_payload=True,
                with_vector=False if search.using == SPARSE else [DENSE],
                params=models.SearchParams(exact=search.exact, quantization=rescored),
            )
            for vector in vectors
        ]
        answers = self._try(lambda: self._client.query_batch_points(self._collection, requests))
        return [answer.points for answer in answers]

    def _scroll(self, chosen: models.Filter, offset: Any) -> tuple[Sequence[Any], Any]:
        vectors = [DENSE, SPARSE]
        return self._try(
            lambda: self._client.scroll(
                self._collection, chosen, limit=SCAN_ROWS, offset=offset, with_payload=True, with_vectors=vectors
            )
        )

    def _match(self, where: Where, *, negated: bool = False) -> models.Filter:
        conditions = [
            models.FieldCondition(key=name, match=models.MatchAny(any=values)) for name, values in where.items()
        ]
        return models.Filter(must_not=conditions or None) if negated else models.Filter(must=conditions)

    def _sparse(self, indices: Sequence[int]) -> models.SparseVector:
        return models.SparseVector(indices=list(indices), values=[1.0] * len(indices))

    def _create(self, spec: IndexSpec, quantization: str) -> None:
        int8 = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        # Vectors are normalised already: the dot product is their cosine and leaves them as they are.
        dense = models.VectorParams(
            size=spec.dimension,
            distance=models.Distance.DOT,
            quantization_config=models.ScalarQuantization(scalar=int8) if quantization == "int8" else None,
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


def drop_collection(client: QdrantClient, url: str, collection: str) -> None:
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


def connect(url: str, api_key: str | None) -> QdrantClient:
    """Connect to a server; nothing is sent yet; IndexUnavailableError if the URL is none."""
    try:
        return QdrantClient(url=url, api_key=api_key, timeout=120, check_compatibility=False)
    except ValueError as error:
        raise IndexUnavailableError(f"index.url: {url!r} is no URL of a server ({error}).") from None
