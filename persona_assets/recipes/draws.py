"""What a recipe draws for each row: a focus, a difficulty, a kind; by the row's id, so the same in every run."""

import hashlib
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, model_validator

Weights = str | Mapping[str, float]
"""What the settings put in the place of a file's options: one value, or a weight for each."""


class Option(BaseModel):
    """One value that may be drawn; in a file a bare number is its weight.

    Attributes:
        weight: how often, in proportion to the others.
        text: what the prompt says of it; by default its name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: float = Field(1.0, ge=0)
    text: str = ""

    @model_validator(mode="before")
    @classmethod
    def _read_weight(cls, value: object) -> object:
        return {"weight": value} if isinstance(value, int | float) else value


Draws = Mapping[str, Mapping[str, Option]]


def change_draws(draws: Draws, changes: Mapping[str, Weights]) -> dict[str, dict[str, Option]]:
    """Put what the settings say in place of a file's options; a value that the file does not know is free text.

    Args:
        draws: of the recipe file.
        changes: `[tasks.NAME.draws]`.

    Returns:
        The options of each draw.

    Raises:
        ValueError: naming the draw that the recipe does not have, or the weights that are none.
    """
    changed = {name: dict(options) for name, options in draws.items()}
    for name, wanted in changes.items():
        if name not in changed:
            raise ValueError(f"draws.{name}: the recipe draws {', '.join(sorted(changed)) or 'nothing'}")
        weights = {wanted: 1.0} if isinstance(wanted, str) else dict(wanted)
        if not weights or min(weights.values()) < 0 or not sum(weights.values()):
            raise ValueError(f"draws.{name}: weights are positive numbers, and one of them is not 0")
        known = draws[name]
        changed[name] = {
            label: Option(weight=weight, text=known[label].text if label in known else "")
            for label, weight in weights.items()
        }
    return changed


def draw_option(lot: str, options: Mapping[str, Option]) -> str:
    """Draw one label by a lot: over many lots in proportion to the weights, the same in every run."""
    total = sum(option.weight for option in options.values())
    point = int(hashlib.sha256(lot.encode()).hexdigest()[:13], 16) / 16**13 * total
    for label, option in options.items():
        point -= option.weight
        if point < 0:
            return label
    return [label for label, option in options.items() if option.weight][-1]


def describe_draws(draws: Draws, drawn: Mapping[str, str]) -> dict[str, str]:
    """The template's variables: of each draw its label, and as `NAME_text` what the prompt says of it."""
    texts = {f"{name}_text": draws[name][label].text or label for name, label in drawn.items()}
    return {**drawn, **texts}
