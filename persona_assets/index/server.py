"""The index on a Qdrant server or cluster, by qdrant-client."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from persona_assets.errors import IndexUnavailableError
from persona_assets.index.interface import IndexSpec, Point
from persona_assets.index.qdrant import CONTRIBUTION, DENSE, SPARSE, ScoredHit, Search, read_hit
from persona_assets.index.spec import require_same_spec

if TYPE_CHECKING:
    from qdrant_client import QdrantClient
    from qdrant_client.models import Filter, QueryRequest

_METADATA = "persona_assets"
_REFUSED = (401, 403)


class ServerStore:
    """A collection of a Qdrant server, made when missing.

    Args:
        client: connected to the server (or qdrant-client's local mode).
        url: where it is, for messages.
        collection: name of the collection.
        spec: what it must hold.

    Raises:
        IndexUnavailableError: if the server is down or refuses the key, or the collection holds something else.
    """

    def __init__(self, client: "QdrantClient", url: str, collection: str, spec: IndexSpec) -> None:
        self._client = client
        self._url = url
        self._collection = collection
        with self._explain():
            if not client.collection_exists(collection):
                self._create(spec)
            metadata = client.get_collection(collection).config.metadata or {}
        found = metadata.get(_METADATA)
        require_same_spec(
            spec,
            IndexSpec(**found) if found else None,
            place=f"The collection {collection} at {url}",
            remedy="delete that collection: the next run builds it anew from the lake",
        )

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
        with self._explain():
            self._client.upsert(self._collection, rows, wait=True)

    def keep_only(self, contributions: Sequence[str]) -> None:
        """Delete the points of all other contributions."""
        from qdrant_client.models import Filter

        self._delete(Filter(must_not=self._match(contributions).must) if contributions else Filter())

    def delete(self, contribution: str) -> None:
        """Delete the points of a contribution."""
        self._delete(self._match([contribution]))

    def count(self, contribution: str | None) -> int:
        """Count the points of a contribution, or all."""
        chosen = None if contribution is None else self._match([contribution])
        with self._explain():
            return int(self._client.count(self._collection, count_filter=chosen, exact=True).count)

    def query(self, questions: Sequence[Sequence[Any]], search: Search) -> list[list[ScoredHit]]:
        """Answer a batch of questions."""
        chosen = self._match(search.contributions)
        requests = [self._request(question, search, chosen) for question in questions]
        with self._explain():
            answers = self._client.query_batch_points(self._collection, requests)
        return [[read_hit(point.score, point.payload, point.vector) for point in answer.points] for answer in answers]

    def flush(self) -> None:
        """Nothing to do: every write waited until the server had it in its log."""

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _delete(self, chosen: "Filter") -> None:
        from qdrant_client.models import FilterSelector

        with self._explain():
            self._client.delete(self._collection, FilterSelector(filter=chosen), wait=True)

    def _request(self, question: Sequence[Any], search: Search, chosen: "Filter") -> "QueryRequest":
        from qdrant_client.models import NearestQuery, QueryRequest, SearchParams, SparseVector

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
            params=SearchParams(exact=search.exact),
        )

    def _match(self, contributions: Sequence[str]) -> "Filter":
        from qdrant_client.models import FieldCondition, Filter, MatchAny

        return Filter(must=[FieldCondition(key=CONTRIBUTION, match=MatchAny(any=list(contributions)))])

    def _create(self, spec: IndexSpec) -> None:
        from qdrant_client.models import Distance, PayloadSchemaType, SparseVectorParams, VectorParams

        self._client.create_collection(
            self._collection,
            # Vectors are normalised already: the dot product is their cosine and leaves them as they are.
            vectors_config={DENSE: VectorParams(size=spec.dimension, distance=Distance.DOT)},
            sparse_vectors_config={SPARSE: SparseVectorParams()},
            metadata={_METADATA: asdict(spec)},
        )
        self._client.create_payload_index(self._collection, CONTRIBUTION, PayloadSchemaType.KEYWORD, wait=True)

    @contextmanager
    def _explain(self) -> Iterator[None]:
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        try:
            yield
        except ResponseHandlingException as error:
            raise IndexUnavailableError(
                f"index.url: no Qdrant server answers at {self._url} ({error}). Start it, correct index.url, or unset "
                "it to use the index on disk. Nothing of this shard was published."
            ) from None
        except UnexpectedResponse as error:
            if error.status_code in _REFUSED:
                raise IndexUnavailableError(
                    f"index.api_key: the Qdrant server at {self._url} refuses the key."
                ) from None
            raise IndexUnavailableError(f"index.url: the server at {self._url} answered: {error}") from None


def connect(url: str, api_key: str | None) -> "QdrantClient":
    """Connect to a server; nothing is sent yet.

    Raises:
        IndexUnavailableError: if the URL is none.
    """
    from qdrant_client import QdrantClient

    try:
        return QdrantClient(url=url, api_key=api_key, timeout=120, check_compatibility=False)
    except ValueError as error:
        raise IndexUnavailableError(f"index.url: {url!r} is no URL of a server ({error}).") from None
