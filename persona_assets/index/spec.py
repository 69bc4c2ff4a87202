"""Whether a collection holds what is asked of it."""

from persona_assets.errors import IndexUnavailableError
from persona_assets.index.interface import IndexSpec


def require_same_spec(wanted: IndexSpec, found: IndexSpec | None, place: str, remedy: str) -> None:
    """Refuse a collection of another embedding model, dimension or token scheme.

    Args:
        found: what the collection says of itself; none if it says nothing.

    Raises:
        IndexUnavailableError: if they differ.
    """
    if found == wanted:
        return
    if found is None:
        raise IndexUnavailableError(f"{place} was not made by persona_assets. Set index.collection to another name.")
    if (found.model, found.dimension) != (wanted.model, wanted.dimension):
        raise IndexUnavailableError(
            f"{place} holds vectors of {found.model} ({found.dimension} dimensions), but embedding.model is now "
            f"{wanted.model} ({wanted.dimension}). Set embedding.model back, name another index.collection, "
            f"or {remedy}."
        )
    raise IndexUnavailableError(
        f"{place} was made for the lexical bands {found.lexical}, but hub.jaccard now needs {wanted.lexical}. "
        f"Set hub.jaccard back, name another index.collection, or {remedy}."
    )
