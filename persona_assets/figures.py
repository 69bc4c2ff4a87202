"""Matplotlib figures as text, so that what shows them needs no file."""

import base64
import io
from typing import Any


def encode_figure(figure: Any) -> str:
    """A figure as a PNG in base64; the same figure gives the same text."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=80, metadata={"Software": None})
    return base64.b64encode(picture.getvalue()).decode()
