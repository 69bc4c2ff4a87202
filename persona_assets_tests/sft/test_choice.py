"""Which candidates a release takes: weights, filters, caps, and families on one side."""

from collections import Counter
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.sft.choice import FLAGGED, LEFT_OUT, SPLITS, Measures, choose_examples, count_flags
from persona_assets_tests.sft.candidates import make_candidates, make_families, make_mix

PERSONAS = [f"per_{index:03}" for index in range(60)]
FAMILIES = make_families({persona: f"fam_{index // 3}" for index, persona in enumerate(PERSONAS)})


def choose(rows: pl.LazyFrame, measures: Measures | None = None, **changes: Any) -> pl.DataFrame:
    return choose_examples(rows, FAMILIES, make_mix(**{"validation_share": 0, **changes}), measures)


@settings(deadline=None, max_examples=40)
@given(
    st.dictionaries(st.sampled_from(PERSONAS), st.sampled_from("abcdefgh"), max_size=40),
    st.floats(0, 0.9),
    st.floats(0, 1),
    st.integers(1, 6),
    st.integers(0, 9),
)
def test_no_family_is_on_both_sides_and_everything_has_a_fate(
    families: dict[str, str], share: float, weight: float, cap: int, seed: int
) -> None:
    mix = make_mix(weights={"dialogues_r": weight}, validation_share=share, max_per_persona=cap, seed=seed)
    candidates = make_candidates(PERSONAS[:30], each=3)
    chosen = choose_examples(candidates, make_families(families), mix)
    assert chosen.height == candidates.collect().height
    assert chosen["fate"].null_count() == 0
    sides = (
        chosen.filter(pl.col("fate").is_in(["train", "validation"]))
        .group_by("family_id")
        .agg(pl.col("fate").n_unique())
    )
    assert set(sides["fate"]) <= {1}
    expected = [families.get(persona, persona) for persona in candidates.collect()["persona_id"]]
    assert chosen["family_id"].to_list() == expected


def test_a_weight_is_the_share_of_a_task_that_is_taken() -> None:
    mix = make_mix(weights={"dialogues_r": 0.25, "riddles": 1.0}, validation_share=0)
    chosen = choose_examples(make_candidates(PERSONAS, ("dialogues_r", "riddles", "jokes"), 20), FAMILIES, mix)
    fates = Counter(chosen.select("task", "fate").iter_rows())
    assert fates["riddles", "train"] == 1_200
    assert fates["jokes", "not_in_mix"] == 1_200
    assert 240 < fates["dialogues_r", "train"] < 360
    assert fates["dialogues_r", "train"] + fates["dialogues_r", "weight"] == 1_200


def test_a_persona_has_at_most_its_cap_and_the_cap_favours_no_task() -> None:
    mix = make_mix(weights={"dialogues_r": 0.2, "riddles": 1.0}, max_per_persona=6, validation_share=0)
    chosen = choose_examples(make_candidates(PERSONAS, each=20), FAMILIES, mix)
    taken = chosen.filter(pl.col("fate") == "train")
    personas = taken.join(make_candidates(PERSONAS, each=20).collect(), on="example_id")["persona_id"].value_counts()
    assert personas["count"].max() == 6
    assert "persona_cap" in set(chosen["fate"])
    share = taken.filter(task="dialogues_r").height / taken.height
    assert 0.1 < share < 0.25  # of what was drawn, a sixth is of this task


def test_a_larger_weight_only_adds() -> None:
    rows = make_candidates(PERSONAS, each=5)
    few, many = (
        choose_examples(rows, FAMILIES, make_mix(weights={"riddles": weight})).filter(
            pl.col("fate").is_in(["train", "validation"])
        )
        for weight in (0.3, 0.6)
    )
    assert set(few.select("example_id", "fate").iter_rows()) < set(many.select("example_id", "fate").iter_rows())


def test_another_shard_moves_nothing() -> None:
    mix = make_mix(weights={"riddles": 0.5}, validation_share=0.3)
    more = [*PERSONAS, *(f"per_x{index}" for index in range(30))]
    before = choose_examples(make_candidates(PERSONAS), FAMILIES, mix)
    after = choose_examples(make_candidates(more), FAMILIES, mix)
    assert set(before.drop("flags").iter_rows()) < set(after.drop("flags").iter_rows())


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(st.sampled_from(PERSONAS), st.sampled_from("abcdefgh"), max_size=40),
    st.lists(st.tuples(st.sampled_from(PERSONAS), st.sampled_from(PERSONAS)), min_size=1, max_size=40, unique=True),
    st.floats(0.05, 0.9),
    st.integers(0, 9),
)
def test_no_family_of_either_persona_of_a_talk_is_on_both_sides(
    families: dict[str, str], pairs: list[tuple[str, str]], share: float, seed: int
) -> None:
    talks = [make_candidates([one], ("riddles",), 1, partner_id=other) for one, other in pairs]
    named = [talk.with_columns(example_id=pl.lit(f"sft_{number}")) for number, talk in enumerate(talks)]
    rows = pl.concat([*named, make_candidates(PERSONAS, ("dialogues_r",))])
    chosen = choose_examples(rows, make_families(families), make_mix(validation_share=share, seed=seed))
    sides: dict[str, set[str]] = {}
    for row in chosen.filter(pl.col("fate").is_in(SPLITS)).iter_rows(named=True):
        for family in (row["family_id"], row["partner_family_id"]):
            if family is not None:
                sides.setdefault(family, set()).add(row["fate"])
    assert all(len(found) == 1 for found in sides.values())
    # A talk inside one family is never left out for it.
    own = chosen.filter(pl.col("family_id") == pl.col("partner_family_id"))
    assert "families_apart" not in set(own["fate"])


@pytest.mark.parametrize(
    ("columns", "filters", "reason"),
    [
        ({"language": "de"}, {"languages": ["en"]}, "language"),
        ({"license": "CC0-1.0 AND CC-BY-NC-4.0"}, {"without_licenses": ["*-NC-*"]}, "license"),
        ({"license": "CC0-1.0 AND unknown"}, {"licenses": ["cc0-*", "MIT"]}, "license"),
        ({"model": "openai/gpt-4o"}, {"models": ["embedded/*"]}, "model"),
        ({"n_chars": 9}, {"min_chars": 10}, "length"),
        ({"n_chars": 11}, {"max_chars": 10}, "length"),
        ({"compression": 3.1}, {"max_compression": 3.0}, "repetition"),
        ({}, {"min_rating": 3}, "not_rated"),
        ({"source_row_id": "bad"}, {"min_rating": 3, "keep_unrated": True}, "rating"),
        ({"source_row_id": "bad"}, {"min_rating": 2}, "train"),
        ({}, {"min_rating": 3, "keep_unrated": True}, "train"),
        ({"license": "CC0-1.0 AND MIT"}, {"licenses": ["cc0-*", "MIT"], "without_licenses": ["*NC*"]}, "train"),
    ],
)
def test_a_filter_leaves_out_and_says_why(columns: dict[str, Any], filters: dict[str, Any], reason: str) -> None:
    ratings = pl.DataFrame({"source_row_id": ["bad"], "rating": [2.0]})
    chosen = choose(make_candidates(PERSONAS[:4], **columns), Measures(ratings), filters=filters)
    assert set(chosen["fate"]) == {reason}
    assert reason in {*LEFT_OUT, *SPLITS}


@pytest.mark.parametrize(
    ("excluded", "fate"),
    [(["*"], FLAGGED), (["declines", "unchanged"], FLAGGED), (["unchanged"], "train"), ([], "train")],
)
def test_a_mix_says_which_flags_keep_a_row_out(excluded: list[str], fate: str) -> None:
    plain, doubted = make_candidates(PERSONAS[:2]), make_candidates(PERSONAS[2:5], flags=["declines", "facts_lost"])
    chosen = choose(pl.concat([plain, doubted]), exclude_flags=excluded)
    assert Counter(chosen["fate"]) == Counter({"train": 4}) + Counter({fate: 6})
    number = {"taken": 6, "left_out": 0} if fate == "train" else {"taken": 0, "left_out": 6}
    assert count_flags(chosen) == {"declines": number, "facts_lost": number}


def test_flags_keep_rows_out_by_default() -> None:
    assert set(choose(make_candidates(PERSONAS[:2], flags=["declines"]))["fate"]) == {FLAGGED}


def test_a_count_is_the_most_of_a_task_and_fills_up_with_what_caps_leave() -> None:
    rows = make_candidates(PERSONAS, each=5)
    chosen = choose(rows, counts={"riddles": 40}, max_per_persona=4)
    fates = Counter(chosen.select("task", "fate").iter_rows())
    assert fates["riddles", "train"] == 40
    assert fates["dialogues_r", "count"] == 0
    assert fates["dialogues_r", "train"] + fates["riddles", "train"] + fates["riddles", "count"] == 4 * len(PERSONAS)


def test_a_larger_count_only_adds() -> None:
    rows = make_candidates(PERSONAS, each=3)
    few, many = (set(choose(rows, counts={"riddles": n}).filter(fate="train")["example_id"]) for n in (10, 30))
    assert few < many


def test_a_family_has_at_most_its_cap() -> None:
    chosen = choose(make_candidates(PERSONAS, each=5), max_per_family=7)
    taken = chosen.filter(fate="train")["family_id"].value_counts()
    assert set(taken["count"]) == {7}
    assert "family_cap" in set(chosen["fate"])


def test_what_not_even_one_exchange_of_fits_is_too_long() -> None:
    rows = make_candidates(PERSONAS[:2], ("riddles",))
    ids = rows.collect()["example_id"]
    lengths = pl.DataFrame({"example_id": ids, "n_messages": [3, 0], "n_tokens": [9, 0]})
    assert choose(rows, Measures(lengths=lengths))["fate"].to_list() == ["train", "too_long"]
