"""Pictures in Dagster's metadata: Markdown with the picture in it, so that they need no file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from persona_assets.figures import encode_figure


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is drawn only when it is to be shown."""

    title: str
    draw: Callable[[], Any]

    def embed(self) -> dg.MarkdownMetadataValue:
        """Draw it; the same figure gives the same bytes."""
        return dg.MetadataValue.md(f"![{self.title}](data:image/png;base64,{encode_figure(self.draw())})")


def show_pictures(metadata: Mapping[str, Any], shown: bool) -> dict[str, Any]:
    """Draw the pictures among the metadata of a materialisation, or leave them out (`automation.pictures`)."""
    return {
        name: value.embed() if isinstance(value, Picture) else value
        for name, value in metadata.items()
        if shown or not isinstance(value, Picture)
    }
