"""What a recipe draws for each row: a facet, a focus, a level; by the row's id, so the same in every run."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from persona_assets.personas.draws import draw_weighted

T = TypeVar("T")
Weights = str | Mapping[str, float]
"""What the settings put in the place of a file's options: one value, or a weight for each."""


class Option(BaseModel):
    """One value that may be drawn; in a file a bare number is its weight.

    Attributes:
        weight: how often, in proportion to the others.
        text: what the prompt says of it; by default its name.
        when: labels of earlier draws with which alone it may be drawn: a level that only some topics have.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: float = Field(1.0, ge=0)
    text: str = ""
    when: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _read_weight(cls, value: object) -> object:
        return {"weight": value} if isinstance(value, int | float) else value

    def fits(self, drawn: Mapping[str, str]) -> bool:
        """Whether it may be drawn beside what was drawn before."""
        return self.weight > 0 and all(drawn.get(name) in labels for name, labels in self.when.items())


Options = Mapping[str, Option]
Draws = Mapping[str, Options]


def require_draws(draws: Draws) -> None:
    """Raise a ValueError for a condition on what is not drawn before, or a case in which nothing may be drawn."""
    conditions = {name for options in draws.values() for option in options.values() for name in option.when}
    cases: list[dict[str, str]] = [{}]
    earlier: dict[str, Options] = {}
    for name, options in draws.items():
        for label, option in options.items():
            for other, labels in option.when.items():
                if other not in earlier or not set(labels) <= set(earlier[other]):
                    raise ValueError(f"{name}.{label}.when: no earlier draw {other} has {', '.join(labels)}")
        fitting = [(case, [label for label, option in options.items() if option.fits(case)]) for case in cases]
        if empty := [case for case, labels in fitting if not labels]:
            case = ", ".join(f"{other} is {label}" for other, label in empty[0].items())
            raise ValueError(f"{name} has no option with a weight{' where ' + case if case else ''}")
        if name in conditions:
            cases = [{**case, name: label} for case, labels in fitting for label in labels]
        earlier[name] = options


def change_draws(draws: Draws, changes: Mapping[str, Weights]) -> dict[str, dict[str, Option]]:
    """Put what the settings say in place of a file's options; a value that the file does not know is free text.

    Args:
        changes: `[tasks.NAME.draws]`.

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
        changed[name] = {
            label: draws[name].get(label, Option()).model_copy(update={"weight": weight})
            for label, weight in weights.items()
        }
    return changed


def draw_labels(lot: str, draws: Draws) -> dict[str, str]:
    """Draw one label of each draw by a lot, in the order of the file.

    Of options that the settings changed none may fit what was drawn before; then any of them is drawn.
    """
    drawn: dict[str, str] = {}
    for name, options in draws.items():
        fitting = {label: option.weight for label, option in options.items() if option.fits(drawn)}
        weights = fitting or {label: option.weight for label, option in options.items()}
        drawn[name] = draw_weighted(f"{lot}|{name}", weights)
    return drawn


def describe_draws(draws: Draws, drawn: Mapping[str, str]) -> dict[str, str]:
    """The template's variables: of each draw its label, and as `NAME_text` what the prompt says of it."""
    texts = {f"{name}_text": draws[name][label].text or label for name, label in drawn.items()}
    return {**drawn, **texts}
