"""The checks of rows: what each is called, what it does by default, and its parameters.

A check that hits a row refuses it (it lies in quarantine), flags it (it stays in its table with the check's name in
`flags`, and is not passed on unless a setting says so), or is off. Only what cannot be a row, or must not be one, is
refused by default. `[checks]` and recipe files change levels and parameters. How often each check hits good and bad
rows stands in docs/checks.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

Level = Literal["refuse", "flag", "off"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check as it is by default."""

    level: Level
    description: str
    parameters: Mapping[str, float] = field(default_factory=dict)


CHECKS: Mapping[str, Check] = {
    "contact_data": Check("refuse", "It holds an e-mail address or a telephone number that its source lacks."),
    "copies_source": Check("refuse", "It copies a passage of the text that it was made from.", {"words": 14}),
    "sexual_minor": Check("refuse", "It has sexual content with a minor."),
    "bad_interface": Check("refuse", "The tool's interface has an invalid name, type or package."),
    "broken_code": Check("refuse", "The code does not parse, or lacks the function of its interface."),
    "address": Check("flag", "It holds a web or postal address that its source lacks."),
    "lint": Check("flag", "The code uses names or packages that are not there, or does nothing."),
    "no_person": Check("flag", "It describes no single person but a company, a group, a thing or a list."),
    "about_the_task": Check("flag", "It speaks of the text, its reader or the task."),
    "names_somebody": Check("flag", "It names a person whom the document names."),
    "other_language": Check("flag", "It is in another language than was asked for."),
    "too_long": Check("flag", "It has more words than a short description.", {"words": 120}),
    "repetition": Check("flag", "It says the same again and again."),
    "breaks_off": Check("flag", "It ends in the middle of a sentence."),
    "cut_short": Check("flag", "A turn was refused, and the conversation ends before it."),
    "assistant_voice": Check("flag", "It speaks as an assistant or a language model where a person speaks."),
    "copies_demonstration": Check("flag", "It repeats a demonstration of the prompt.", {"words": 12}),
    "copies_parent": Check("flag", "It repeats the persona that it was expanded from.", {"words": 8}),
    "declines": Check("flag", "A text of the row reads as a model's refusal."),
    "facts_lost": Check("flag", "A rewritten answer has lost code or most numbers of the original.", {"share": 0.5}),
    "unchanged": Check("flag", "A rewritten answer is the original.", {"share": 0.8}),
    "recites_profile": Check("flag", "The answer recites the character's profile.", {"words": 10}),
    "holds_solution": Check("flag", "The problem holds its own solution."),
    "answer_differs": Check("flag", "The solvers' answer is not the one that the problem's writer gave."),
}
"""Every check by its name."""


class CheckSettings(BaseModel):
    """What `[checks]` or a recipe file says of one check: a level, or a table with a level and parameters."""

    model_config = ConfigDict(extra="allow", frozen=True)

    level: Level | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_level(cls, value: object) -> object:
        return {"level": value} if isinstance(value, str) else value

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters that are set."""
        return dict(self.model_extra or {})


def require_checks(checks: Mapping[str, CheckSettings]) -> Mapping[str, CheckSettings]:
    """Give the settings of checks back; ValueError for a check or a parameter that there is not."""
    for name, settings in checks.items():
        if name not in CHECKS:
            raise ValueError(f"{name} is no check; there are {', '.join(sorted(CHECKS))}")
        known = CHECKS[name].parameters
        for key, value in settings.parameters.items():
            if key not in known:
                raise ValueError(f"{name} has no parameter {key}; it has {', '.join(known) or 'none'}")
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{name}.{key} is a number of at least 0, not {value!r}")
    return checks


def require_flags(names: Sequence[str] | None) -> Sequence[str] | None:
    """Give names of flags back; ValueError for one that is neither a check nor `*`: it would leave nothing out."""
    for name in names or ():
        if name != "*" and name not in CHECKS:
            raise ValueError(f"{name} is no check; there are *, {', '.join(sorted(CHECKS))}")
    return names


@dataclass(frozen=True, slots=True)
class Doubt:
    """What a check found about a row, with the words that made it hit."""

    check: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A reply, or one item of it, that is no row, with a word for the accounting."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RowChecks:
    """Checks in use."""

    settings: Mapping[str, CheckSettings] = field(default_factory=dict)

    def change(self, settings: Mapping[str, CheckSettings]) -> Self:
        """Change some checks further, as a recipe file does."""
        changed = dict(self.settings)
        for name, one in settings.items():
            changed[name] = (
                changed[name].model_copy(update=one.model_dump(exclude_none=True)) if name in changed else one
            )
        return type(self)(changed)

    def level(self, check: str) -> Level:
        """The level of a check."""
        changed = self.settings.get(check)
        return (changed.level if changed else None) or CHECKS[check].level

    def parameter(self, check: str, name: str) -> float:
        """A parameter of a check."""
        changed = self.settings.get(check)
        return (changed.parameters if changed else {}).get(name, CHECKS[check].parameters[name])

    def settle(self, doubts: Iterable[Doubt]) -> Rejected | list[str]:
        """Decide what doubts come to: the first that refuses the row, or the names of those that flag it, each once."""
        flags: dict[str, None] = {}
        for doubt in doubts:
            level = self.level(doubt.check)
            if level == "refuse":
                return Rejected(doubt.check, doubt.detail)
            if level == "flag":
                flags[doubt.check] = None
        return list(flags)
