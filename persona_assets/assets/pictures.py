"""Pictures in Dagster's metadata: Markdown with the picture in it, so that they need no file."""

from typing import Any

from persona_assets.figures import encode_figure


def embed_figure(figure: Any, title: str) -> str:
    """A Matplotlib figure as Markdown; the same figure gives the same bytes."""
    return f"![{title}](data:image/png;base64,{encode_figure(figure)})"
