"""Persona-to-Persona: rounds, frontiers and what ends them."""

import asyncio
import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from persona_assets.corpus.tombstones import Tombstone, Tombstones, hash_text
from persona_assets.dedup.text import normalise
from persona_assets.personas.expand import RoundReport, expand_personas
from persona_assets.personas.persona_prompts import load_expansion_prompt
from persona_assets.records import ExpandedPersonas, content_id
from persona_assets.settings import ExpansionSettings, TaskSettings
from persona_assets_tests.asking import PROMPTS, Made, ask
from persona_assets_tests.scripted import teach

Messages = Sequence[Mapping[str, Any]]

PROMPT = load_expansion_prompt(PROMPTS)
SEEDS = pl.DataFrame(
    {
        "persona_id": [f"per_{index}" for index in range(12)],
        "persona": [f"A keeper of {thing} in a quiet valley." for thing in "abcdefghijk"]
        + ["A keeper of a in a quiet valley."],
        "language": "en",
        "license": "CC0-1.0",
        "flags": [[]] * 12,
    },
    schema_overrides={"flags": pl.List(pl.String)},
)


def remember_texts() -> Callable[[pl.DataFrame], pl.Series]:
    """The exact stage of the hub's rule."""
    seen: set[str] = set()

    def find_new(rows: pl.DataFrame) -> pl.Series:
        is_new = []
        for text in map(normalise, rows["persona"]):
            is_new.append(text not in seen)
            seen.add(text)
        return pl.Series(is_new, dtype=pl.Boolean)

    return find_new


def expand(
    folder: Path,
    settings: ExpansionSettings,
    model: str,
    forgotten: Tombstones | None = None,
    excluded: Sequence[str] = ("*",),
    seeds: pl.DataFrame = SEEDS,
) -> tuple[Made, list[RoundReport]]:
    reports: list[RoundReport] = []
    made = ask(
        folder,
        PROMPT,
        lambda asker: expand_personas(asker, seeds, settings, excluded, remember_texts(), reports, forgotten),
        model,
        TaskSettings(),
    )
    check(reports, made, settings)
    return made, reports


def check(reports: Sequence[RoundReport], made: Made, settings: ExpansionSettings) -> None:
    """Everything that was made is expanded or left out for a reason that is counted."""
    for report in reports:
        assert report.made == report.expanded + report.duplicates + report.flagged + report.beyond + report.last
        assert min(report.expanded, report.duplicates, report.flagged, report.beyond, report.last) >= 0
    for earlier, later in itertools.pairwise(reports):
        assert later.asked == earlier.expanded * settings.relatives
        assert later.made == made.rows.filter(round=later.round).height
    assert made.accounting.planned == sum(report.expanded for report in reports)
    assert made.accounting.skipped["max_frontier"] == sum(report.beyond for report in reports)


def say(*personas: str, relationship: str = "neighbour") -> str:
    return json.dumps({"relatives": [{"relationship": relationship, "persona": one} for one in personas]})


def introduce(messages: Messages) -> str:
    """As many people as are asked for, different for each parent."""
    question = str(messages[-1]["content"])
    number = int((re.findall(r"Describe (\d+) such", question) or ["1"])[0])
    parent = content_id("x", question.splitlines()[0])[2:8]
    return say(*(f"A diver called back to reef {parent} by {place} old friends." for place in range(number)))


INTRODUCING = teach("expand-introducing", introduce)


def test_each_round_asks_those_that_were_new_in_the_one_before(tmp_path: Path) -> None:
    made, reports = expand(tmp_path, ExpansionSettings(rounds=3, relatives=2, max_frontier=100), INTRODUCING)
    rows = ExpandedPersonas.validate(made.rows)
    assert [(report.round, report.made) for report in reports] == [(0, 12), (1, 22), (2, 44), (3, 88)]
    # The twelfth seed says what the first says, so it is not asked about.
    assert (reports[0].duplicates, reports[0].expanded) == (1, 11)
    assert reports[3].last == 88
    for report in reports[1:]:
        earlier = rows.filter(pl.col("is_new"), round=report.round - 1)["persona_id"].to_list()
        assert set(rows.filter(round=report.round)["parent_id"]) <= set(earlier or SEEDS["persona_id"])


def test_no_persona_is_expanded_twice_and_roots_are_kept(tmp_path: Path) -> None:
    rows = expand(tmp_path, ExpansionSettings(rounds=3, relatives=2, max_frontier=100), INTRODUCING)[0].rows
    assert set(rows.group_by("parent_id").len()["len"]) == {2}
    assert rows["persona_id"].is_unique().all()
    roots = {**dict.fromkeys(SEEDS["persona_id"]), **dict(rows.select("persona_id", "root_id").iter_rows())}
    for parent, root in rows.select("parent_id", "root_id").iter_rows():
        assert root == (roots[parent] or parent)


def test_relationships_are_in_the_models_words(tmp_path: Path) -> None:
    model = teach("expand-words", lambda _: say("A diver with two dogs.", relationship=" rival across the street "))
    rows = expand(tmp_path, ExpansionSettings(rounds=1), model)[0].rows
    assert set(rows["relationship"]) == {"rival across the street"}


@pytest.mark.parametrize(("kinds", "number"), [((), 0), (("a colleague", "a friend", "a rival"), 2)])
def test_kinds_are_drawn_for_each_persona(kinds: tuple[str, ...], number: int, tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(messages: Messages) -> str:
        asked.append(str(messages[-1]["content"]))
        return introduce(messages)

    settings = ExpansionSettings(rounds=1, relatives=2, kinds=kinds)
    expand(tmp_path, settings, teach(f"expand-kinds-{number}", answer))
    assert len(asked) == 11
    named = [[kind for kind in ("a colleague", "a friend", "a rival") if kind in text] for text in asked]
    assert {len(some) for some in named} == {number}
    assert number == 0 or len({tuple(some) for some in named}) > 1


def test_a_persona_that_says_the_same_again_is_kept_as_a_row_and_not_expanded(tmp_path: Path) -> None:
    model = teach("expand-same", lambda _: say("A weaver of baskets from a windy coast."))
    made, reports = expand(tmp_path, ExpansionSettings(rounds=6, relatives=1), model)
    assert [(report.made, report.new, report.duplicates) for report in reports] == [(12, 11, 1), (11, 1, 10), (1, 0, 0)]
    # Asked for a neighbour of the weaver, the model says the weaver again.
    assert made.rows["flags"].to_list() == [*[[]] * 11, ["copies_parent"]]
    assert reports[-1].flagged == 1


COMPANY = "A company that rents boats to tourists."


@pytest.mark.parametrize(("excluded", "expanded"), [(("*",), 0), (("no_person",), 0), (("too_long",), 1), ((), 1)])
def test_a_flagged_persona_is_expanded_only_if_its_flag_is_not_excluded(
    excluded: tuple[str, ...], expanded: int, tmp_path: Path
) -> None:
    model = teach(f"expand-flagged-{len(excluded)}-{expanded}", lambda _: say(COMPANY))
    made, reports = expand(tmp_path, ExpansionSettings(rounds=2, relatives=1), model, excluded=excluded)
    assert set(map(tuple, made.rows.filter(round=1)["flags"])) == {("no_person",)}
    assert reports[1].expanded == expanded
    assert reports[1].flagged == (0 if expanded else 11)


def test_flagged_seeds_are_not_expanded(tmp_path: Path) -> None:
    flags = pl.Series([["no_person"], *[[]] * 11], dtype=pl.List(pl.String))
    doubtful = SEEDS.with_columns(flags=flags)
    _, reports = expand(tmp_path, ExpansionSettings(rounds=1), INTRODUCING, seeds=doubtful)
    # The twelfth says what the first says, which does not count any more.
    assert (reports[0].flagged, reports[0].duplicates, reports[0].expanded) == (1, 0, 11)


def test_the_frontier_is_drawn_and_the_others_are_accounted_for(tmp_path: Path) -> None:
    settings = ExpansionSettings(rounds=3, relatives=2, max_frontier=4)
    made, reports = expand(tmp_path, settings, INTRODUCING)
    assert [(report.expanded, report.beyond) for report in reports] == [(4, 7), (4, 4), (4, 4), (0, 0)]
    asked = made.rows.filter(round=1)["parent_id"].unique(maintain_order=True).to_list()
    assert asked != SEEDS["persona_id"].head(4).to_list()
    assert asked == [one for one in SEEDS["persona_id"] if one in asked]
    assert made.accounting.skipped == {"max_frontier": 15}


def test_a_persona_that_was_forgotten_is_refused_and_not_expanded(tmp_path: Path) -> None:
    settings = ExpansionSettings(rounds=2, relatives=2, max_frontier=2)
    before, _ = expand(tmp_path, settings, INTRODUCING)
    by_text, by_id, *stay = before.rows.filter(round=1).iter_rows(named=True)
    stone = Tombstone("", ids=(by_id["persona_id"],), texts=(hash_text(by_text["persona"]),))
    made, _ = expand(tmp_path, settings, INTRODUCING, Tombstones.of([stone]))
    assert made.rows.filter(round=1)["persona_id"].to_list() == [row["persona_id"] for row in stay]
    assert not {by_text["persona_id"], by_id["persona_id"]} & set(made.rows["parent_id"])
    assert made.reasons() == {"forgotten": 2}
    assert set(made.quarantined["raw"]) == {""}


@pytest.mark.parametrize(("share", "rounds"), [(0.0, 2), (0.05, 2), (0.5, 1)])
def test_too_small_a_share_of_new_ones_ends_it(share: float, rounds: int, tmp_path: Path) -> None:
    model = teach(f"expand-share-{share}", lambda _: say("A weaver of baskets from a windy coast."))
    settings = ExpansionSettings(rounds=2, relatives=1, min_new_share=share)
    _, reports = expand(tmp_path, settings, model)
    assert len(reports) == 1 + rounds
    assert reports[1].last == (1 if rounds == 1 else 0)


@pytest.mark.parametrize(("language", "flags"), [("en", ["other_language"]), ("es", []), ("und", [])])
def test_relatives_speak_the_language_of_their_parent(language: str, flags: list[str], tmp_path: Path) -> None:
    spanish = "Un marinero jubilado que repara barcos de madera en un pequeño puerto del norte."
    seeds = SEEDS.head(1).with_columns(language=pl.lit(language))
    model = teach(f"expand-spanish-{language}", lambda _: say(spanish))
    rows = expand(tmp_path, ExpansionSettings(rounds=1), model, seeds=seeds)[0].rows
    assert rows["flags"].to_list() == [flags]
    assert rows["language"].to_list() == ["es"]


def test_no_round_asks_nothing() -> None:
    reports: list[RoundReport] = []

    async def collect() -> int:
        settings = ExpansionSettings(rounds=0)
        found = expand_personas(None, SEEDS, settings, ("*",), remember_texts(), reports)  # type: ignore[arg-type]
        return len([batch async for batch in found])

    assert asyncio.run(collect()) == 0
    assert [(report.round, report.last) for report in reports] == [(0, 11)]


def test_items_that_are_refused_are_accounted_for(tmp_path: Path) -> None:
    model = teach("expand-refused", lambda _: say("A diver with two dogs.", "A cook, at cook@ship.org."))
    made, _ = expand(tmp_path, ExpansionSettings(rounds=1), model)
    assert made.rows.height == 11
    assert made.reasons() == {"contact_data": 11}
    assert made.accounting.parsed == 22


def test_the_same_replies_give_the_same_rows(tmp_path: Path) -> None:
    settings = ExpansionSettings(rounds=2)
    first, second = expand(tmp_path / "a", settings, INTRODUCING), expand(tmp_path / "b", settings, INTRODUCING)
    assert first[0].rows.equals(second[0].rows)
