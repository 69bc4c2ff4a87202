"""Persona-to-Persona: rounds, frontiers and what ends them."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest

from persona_assets.corpus.tombstones import Tombstone, Tombstones, hash_text
from persona_assets.dedup.text import normalise
from persona_assets.llm.asker import Asker
from persona_assets.personas.callings import fit_openings
from persona_assets.personas.expand import RoundReport, expand_personas
from persona_assets.personas.persona_prompts import load_expansion_prompt
from persona_assets.records import ExpandedPersonas
from persona_assets.settings import ExpansionSettings, SeedSettings, TaskSettings
from persona_assets_tests.asking import PROMPTS, Made, ask, compare_by_length
from persona_assets_tests.scripted import teach

Chat = list[dict[str, Any]]

PROMPT = load_expansion_prompt(PROMPTS)
SEEDS = pl.DataFrame(
    {
        "persona_id": [f"per_{index}" for index in range(12)],
        "persona": [f"A keeper of {thing} in a quiet valley." for thing in "abcdefghijk"]
        + ["A keeper of a in a quiet valley."],
        "license": "CC0-1.0",
    }
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
    model: str = "scripted/plain",
    candidates: int = 2,
    forgotten: Tombstones | None = None,
) -> tuple[Made, list[RoundReport]]:
    reports: list[RoundReport] = []
    made = ask(
        folder,
        PROMPT,
        lambda asker: expand_personas(
            asker, SEEDS, settings, SeedSettings(), remember_texts(), compare_by_length, reports, forgotten
        ),
        model,
        TaskSettings(candidates=candidates),
    )
    return made, reports


def test_each_round_asks_those_that_were_new_in_the_one_before(tmp_path: Path) -> None:
    made, reports = expand(tmp_path, ExpansionSettings(rounds=3))
    rows = ExpandedPersonas.validate(made.rows)
    assert [report.round for report in reports] == [1, 2, 3]
    # The twelfth seed says what the first says, so it is not asked about.
    assert reports[0].asked == 11
    for report in reports:
        of_round = rows.filter(round=report.round)
        assert (of_round.height, of_round["is_new"].sum()) == (report.made, report.new)
        earlier = rows.filter(pl.col("is_new"), round=report.round - 1)["persona_id"].to_list()
        assert set(of_round["parent_id"]) <= set(earlier or SEEDS["persona_id"])
    assert [report.asked for report in reports[1:]] == [report.new for report in reports[:-1]]
    assert made.accounting.planned == sum(report.asked for report in reports)


def test_no_persona_is_expanded_twice_and_roots_are_kept(tmp_path: Path) -> None:
    rows = expand(tmp_path, ExpansionSettings(rounds=4))[0].rows
    assert rows["parent_id"].is_unique().all()
    assert rows["persona_id"].is_unique().all()
    roots = {**dict.fromkeys(SEEDS["persona_id"]), **dict(rows.select("persona_id", "root_id").iter_rows())}
    for parent, root in rows.select("parent_id", "root_id").iter_rows():
        assert root == (roots[parent] or parent)


def test_children_of_a_persona_are_in_different_relationships(tmp_path: Path) -> None:
    rows = expand(tmp_path, ExpansionSettings(rounds=1, children=3))[0].rows
    per_parent = rows.group_by("parent_id").agg(pl.len(), pl.col("relationship").n_unique())
    assert (per_parent["len"] == per_parent["relationship"]).all()
    assert per_parent["len"].max() == 3
    assert set(rows["relationship"]) <= set(PROMPT.content.relationships)


def test_nobody_lives_from_what_a_child_does() -> None:
    of_adults = {name for name, one in RELATIONSHIPS.items() if one.of_adults}
    assert "adversary" in of_adults
    assert "child_they_meet" not in of_adults
    assert of_adults.isdisjoint(PROMPT.content.list_relationships("A girl of nine who counts waterfalls."))
    assert PROMPT.content.list_relationships("A baker.") == list(RELATIONSHIPS)
    assert PROMPT.content.without_openings().list_relationships("A girl of nine.") == [
        name for name in RELATIONSHIPS if name not in of_adults
    ]


def test_more_children_than_relationships_still_differ_in_id(tmp_path: Path) -> None:
    rows = expand(tmp_path, ExpansionSettings(rounds=1, children=14, max_frontier=1))[0].rows
    assert rows.height == rows["persona_id"].n_unique() == 14


def test_a_persona_that_says_the_same_again_is_kept_as_a_row_and_not_expanded(tmp_path: Path) -> None:
    same = "A weaver of baskets from a windy coast."
    made, reports = expand(tmp_path, ExpansionSettings(rounds=6), teach("expand-same", lambda _: same))
    assert [(report.asked, report.made, report.new) for report in reports] == [(11, 11, 1), (1, 0, 0)]
    assert made.rows["is_new"].sum() == 1
    # Asked for a neighbour of the weaver, the model says the weaver again.
    assert made.reasons() == {"copies_parent": 2}


def test_a_persona_that_was_forgotten_is_refused_and_not_expanded(tmp_path: Path) -> None:
    settings = ExpansionSettings(rounds=2, max_frontier=4)
    before, _ = expand(tmp_path, settings, candidates=1)
    by_text, by_id, *stay = before.rows.filter(round=1).iter_rows(named=True)
    stone = Tombstone("", ids=(by_id["persona_id"],), texts=(hash_text(by_text["persona"]),))
    made, _ = expand(tmp_path, settings, candidates=1, forgotten=Tombstones.of([stone]))
    assert made.rows.filter(round=1)["persona_id"].to_list() == [row["persona_id"] for row in stay]
    assert not {by_text["persona_id"], by_id["persona_id"]} & set(made.rows["parent_id"])
    assert made.reasons() == {"forgotten": 2}
    assert set(made.quarantined["raw"]) == {""}


@pytest.mark.parametrize(("share", "rounds"), [(0.0, 2), (0.05, 2), (0.5, 1)])
def test_too_small_a_share_of_new_ones_ends_it(share: float, rounds: int, tmp_path: Path) -> None:
    answers = Counter[str]()

    def answer(_: object) -> str:
        answers["asked"] += 1
        return "A weaver of baskets from a windy coast." if answers["asked"] != 3 else "A diver for sponges with a dog."

    model = teach(f"expand-share-{share}", answer)
    _, reports = expand(tmp_path, ExpansionSettings(rounds=2, min_new_share=share), model, candidates=1)
    assert len(reports) == rounds


RELATIONSHIPS = PROMPT.content.relationships
OPENINGS = {opening.partition("{{")[0] for one in RELATIONSHIPS.values() for opening in one.openings}


def read_opening(chat: Chat) -> str:
    return str(chat[-1]["content"]).partition("own life: ")[2].removesuffix(" …")


def answer_with(ending: Callable[[str], str]) -> Callable[[Chat], str]:
    """Answers that are specific to what was asked, made of the opening that was given."""
    return lambda chat: ending(read_opening(chat)) + f" {len(chat[-1]['content'])} ropes of hemp for the lighthouse"


@pytest.mark.parametrize(
    ("name", "ending", "reason"),
    [
        ("whole", lambda opening: opening, None),
        ("goes-on", lambda _: "carries", None),
        ("other", lambda _: "A diver who carries", "ignores_opening"),
    ],
)
def test_a_drawn_opening_begins_each_persona(
    name: str, ending: Callable[[str], str], reason: str | None, tmp_path: Path
) -> None:
    model = teach(f"expand-opening-{name}", answer_with(ending))
    made, _ = expand(tmp_path, ExpansionSettings(rounds=1, openings="always"), model, candidates=1)
    assert set(made.reasons()) <= ({reason} if reason else {"repetition"})
    assert (made.rows.height > 8) == (reason is None)
    drawn = {opening for opening in OPENINGS for persona in made.rows["persona"] if persona.startswith(opening)}
    assert len(drawn) > 5 or reason


def test_an_opening_alone_is_no_persona(tmp_path: Path) -> None:
    model = teach("expand-opening-alone", lambda chat: f"{read_opening(chat)} …")
    made, _ = expand(tmp_path, ExpansionSettings(rounds=1, openings="always"), model, candidates=1)
    assert (made.rows.height, set(made.reasons())) == (0, {"unfinished"})


def test_a_sentence_that_ends_as_it_began_is_refused(tmp_path: Path) -> None:
    def answer(chat: Chat) -> str:
        opening = read_opening(chat)
        return f"{opening} rope {' '.join(opening.split()[:4])} of old"

    made, _ = expand(tmp_path, ExpansionSettings(rounds=1, openings="always"), teach("expand-round", answer))
    assert (made.rows.height, set(made.reasons())) == (0, {"repetition"})


@pytest.mark.parametrize("is_small", [True, False])
def test_a_small_model_makes_no_words_up(is_small: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Asker, "is_small", property(lambda _: is_small))
    model = teach(f"expand-words-{is_small}", answer_with(lambda opening: f"{opening} worktogether days and"))
    made, _ = expand(tmp_path, ExpansionSettings(rounds=1, openings="always"), model, candidates=1)
    assert ("unknown_word" in made.reasons()) == is_small
    assert (made.rows.height == 0) == is_small


def test_no_ending_that_is_drawn_stands_in_a_demonstration() -> None:
    """Whoever is given one would be taken for a copy of the demonstration, in every draw."""
    shown = " ".join(PROMPT.demonstration_texts())
    endings = (*PROMPT.content.endings, *PROMPT.content.endings_of_adults)
    assert [ending for ending in endings if ending in shown] == []


def test_what_only_grown_ups_do_is_not_drawn_for_a_child() -> None:
    adults = PROMPT.content.endings_of_adults

    def draw_all(relationship: str) -> list[str]:
        drawn = (PROMPT.content.draw_opening(relationship, f"per_{number}", "a cook") for number in range(300))
        return [opening for opening in drawn if opening is not None]

    assert not any(opening.endswith(adults) for opening in draw_all("child_they_meet"))
    assert any(opening.endswith(adults) for opening in draw_all("supplier"))


def test_an_opening_says_who_the_first_person_is_where_that_is_known() -> None:
    for relationship in RELATIONSHIPS.values():
        named = fit_openings(relationship.openings, "a ferry captain")
        unnamed = fit_openings(relationship.openings, None)
        assert len(named) >= 5
        assert len(unnamed) >= 5
        assert all("a ferry captain" in opening for opening in named)
        assert not any("{{" in opening or "ferry" in opening for opening in unnamed)


@pytest.mark.parametrize("openings", ["never", "auto"])
def test_a_large_model_begins_itself(openings: Literal["never", "auto"], tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(chat: Chat) -> str:
        asked.extend(str(turn["content"]) for turn in chat)
        return f"A diver for sponges who carries {len(asked)} ropes."

    expand(tmp_path, ExpansionSettings(rounds=1, openings=openings), teach(f"expand-free-{openings}", answer))
    assert asked
    assert not any("Finish the sentence" in text for text in asked)


def test_an_echo_of_the_question_is_refused(tmp_path: Path) -> None:
    def answer(chat: Chat) -> str:
        question = str(chat[-1]["content"]).splitlines()[1]
        return f"A diver who sells sponges and {' '.join(question.split()[1:6])} at sea."

    made, _ = expand(tmp_path, ExpansionSettings(rounds=1), teach("expand-echo", answer), candidates=1)
    assert made.rows.is_empty()
    assert set(made.reasons()) == {"echoes_question", "about_the_task"}


def test_the_frontier_is_bounded(tmp_path: Path) -> None:
    _, reports = expand(tmp_path, ExpansionSettings(rounds=3, max_frontier=4, children=2))
    assert [report.asked for report in reports] == [8, 8, 8]


def test_no_round_asks_nothing(tmp_path: Path) -> None:
    reports: list[RoundReport] = []
    settings = ExpansionSettings(rounds=0)

    async def collect() -> int:
        found = expand_personas(None, SEEDS, settings, SeedSettings(), remember_texts(), compare_by_length, reports)  # type: ignore[arg-type]
        return len([batch async for batch in found])

    assert asyncio.run(collect()) == 0
    assert reports == []


def test_refusals_are_accounted_for(tmp_path: Path) -> None:
    made, reports = expand(tmp_path, ExpansionSettings(rounds=2), "scripted/faulty", candidates=1)
    assert {"refused", "truncated"} & set(made.reasons())
    assert made.rows.height + made.quarantined.height == made.accounting.planned
    assert sum(report.made for report in reports) == made.rows.height


def test_the_same_replies_give_the_same_rows(tmp_path: Path) -> None:
    settings = ExpansionSettings(rounds=2)
    assert expand(tmp_path / "a", settings)[0].rows.equals(expand(tmp_path / "b", settings)[0].rows)
