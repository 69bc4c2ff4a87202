"""The check of characters as a set: no favourite name, country or gender."""

from typing import Final

from persona_assets.characters.balance import measure_balance
from persona_assets.checks.tables import Finding
from persona_assets.resources import Project

_FEWEST: Final = 20
"""Characters below which shares say nothing."""


def check_balance(project: Project, shard: str) -> Finding:
    """No given name, country or gender has more of the characters than `[quality]` allows."""
    balance = measure_balance(project.lake.scan("character_profiles", shard))
    settings = project.settings.quality
    facts: dict[str, str | int | float] = {"rows": balance.characters, "same_name": balance.same_name}
    problems = []
    for word, counts, bound in (
        ("name", balance.given_names, settings.max_name_share),
        ("place", balance.countries, settings.max_place_share),
        ("gender", balance.genders, settings.max_gender_share),
    ):
        share = balance.share(counts)
        facts[f"{word}_share"] = share
        # Of few characters two of one name are a large share, and no favourite.
        if share > bound and max(counts.values(), default=0) > 2:
            problems.append(f"{next(iter(counts))} is {share:.0%}, above quality.max_{word}_share {bound:.0%}")
    if balance.characters < _FEWEST or not problems:
        return Finding(None, facts)
    return Finding(
        f"{'; '.join(problems)}: look at the draws of prompts/character_profiles.yaml and at the model", facts
    )
