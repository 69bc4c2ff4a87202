"""Pictures in Dagster's metadata: Markdown with the picture in it, so that they need no file."""

import base64
import io
from collections.abc import Mapping
from typing import Any

_NO_DATE: Mapping[str, str | None] = {"Software": None}


def embed_figure(figure: Any, title: str) -> str:
    """A Matplotlib figure as Markdown; the same figure gives the same bytes."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=80, metadata=_NO_DATE)
    return f"![{title}](data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()})"
