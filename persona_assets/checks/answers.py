"""The check of structured answers: whether JSON was asked for as the settings say, and came as it should."""

from collections.abc import Callable, Mapping
from typing import Final

from persona_assets.checks.tables import Finding
from persona_assets.resources import Project

_MOST_MALFORMED: Final = 0.1
_WEAKER: Final[Mapping[str, tuple[str, ...]]] = {
    "auto": ("json", "none"),
    "schema": ("json", "none"),
    "json": ("none",),
    "none": (),
}
"""Ways of asking that constrain less than what `model.structured_output` asks for."""


def check_structured_output(asset: str) -> Callable[[Project, str], Finding]:
    """No reply was constrained less than the settings ask for, and few answers are malformed."""

    def check(project: Project, shard: str) -> Finding:
        account = project.lake.info(asset, shard).accounting
        wanted = project.settings.model.structured_output
        weaker = {kind: account.formats[kind] for kind in _WEAKER[wanted] if account.formats[kind]}
        malformed, answers = account.tiers["malformed"], account.tiers.total()
        problems = []
        if weaker:
            counts = " and ".join(f"{count} by {kind}" for kind, count in weaker.items())
            problems.append(
                f"of {account.formats.total()} replies, {counts} were asked for, although model.structured_output is"
                f' "{wanted}": the model refused more (the log of the run that asked says why), or the setting was'
                f' another. Take a server that follows schemas, or set it to "{list(weaker)[-1]}" to accept this'
            )
        if malformed > answers * _MOST_MALFORMED:
            problems.append(
                f"{malformed} of {answers} answers are malformed: read them in the quarantine, then take a model that"
                f" follows a schema, or raise tasks.{asset}.max_tokens if they break off"
            )
        facts = {"replies": account.formats.total(), "weaker": sum(weaker.values())}
        return Finding("; ".join(problems) or None, {**facts, "answers": answers, "malformed": malformed})

    return check
