"""Which characters answer which sessions: the paper's draw, shard by shard."""

from collections import Counter

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.characters.sessions import Session, draw_sessions, draw_with_own, limit_sessions, make_own_sessions
from persona_assets.settings import DialogueSettings
from persona_assets_tests.characters.people import make_characters, make_instructions, make_turns


def pairs(sessions: list[Session]) -> list[tuple[str, str]]:
    return [(session.instruction_id, session.character["character_id"]) for session in sessions]


def draw(characters: int, instructions: int, shard: str = "s", **changes: object) -> list[tuple[str, str]]:
    chosen = DialogueSettings.model_validate(changes)
    return pairs(draw_sessions(make_characters(characters), make_instructions(instructions), chosen, shard))


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 40), st.integers(0, 60), st.integers(1, 6), st.floats(0.5, 6))
def test_each_session_has_n_distinct_characters_and_no_pair_twice(
    characters: int, instructions: int, per_session: int, per_character: float
) -> None:
    drawn = draw(characters, instructions, characters_per_session=per_session, per_character=per_character)
    assert len(set(drawn)) == len(drawn)
    expected = min(per_session, characters)
    assert set(Counter(session for session, _ in drawn).values()) <= {expected}
    assert len(drawn) <= characters * per_character + expected


def test_the_number_of_dialogues_fits_the_number_of_characters() -> None:
    for characters in (30, 60, 120):
        drawn = draw(characters, 3_000, per_character=15.3)
        assert abs(len(drawn) / characters - 15.3) < 0.2


def test_characters_answer_about_equally_often() -> None:
    counts = Counter(character for _, character in draw(100, 2_000, per_character=15.3))
    spread = np.array(list(counts.values()))
    assert len(counts) == 100
    # As even as a random draw can be: a standard deviation near the root of the mean.
    assert spread.std() < 5
    assert spread.min() >= 4


def test_the_draw_repeats_itself_and_depends_on_seed_and_shard() -> None:
    first = draw(20, 200)
    assert first == draw(20, 200)
    assert first != draw(20, 200, seed=1)
    assert first != draw(20, 200, shard="t")


def test_the_order_of_the_rows_does_not_matter() -> None:
    people, lines = make_characters(15), make_instructions(80)
    chosen = DialogueSettings()
    turned = draw_sessions(people.reverse(), lines.reverse(), chosen, "s")
    assert pairs(turned) == pairs(draw_sessions(people, lines, chosen, "s"))


def test_added_instructions_displace_only_their_share() -> None:
    before, after = set(draw(40, 1_000)), set(draw(40, 1_100))
    assert len(before) == len(after)
    kept = len(before & after) / len(before)
    assert 0.85 < kept < 0.95


def test_added_characters_displace_only_their_share() -> None:
    before, after = set(draw(40, 1_000)), set(draw(44, 1_000))
    assert len(before & after) / len(before) > 0.85


def test_few_instructions_are_all_used() -> None:
    assert len({session for session, _ in draw(50, 10)}) == 10


def test_without_characters_there_is_nothing_to_draw() -> None:
    assert draw(0, 10) == []


def test_a_session_knows_its_turns() -> None:
    session = Session("ins_1", make_turns("a", "b", "c", "d"), "x", {"character_id": "chr_1"})
    assert (session.user_turns, session.answers, session.row_id) == (["a", "c"], ["b", "d"], "chr_1+ins_1")


def test_a_share_of_the_sessions_is_what_the_shards_own_personas_ask() -> None:
    people = make_characters(20)
    asked = pl.LazyFrame({"item_id": [f"itm_{n:03}" for n in range(200)], "persona_id": "per_0", "instruction": "Why?"})
    hub = pl.LazyFrame({"persona_id": ["per_0"], "license": ["MIT"]})
    own = make_own_sessions(asked, hub)
    chosen = DialogueSettings(per_character=6, own_instructions=0.5)
    sessions = draw_with_own(people, make_instructions(400), own, chosen, "s")
    mine = [session for session in sessions if session.instruction_id.startswith("itm_")]
    assert len(sessions) == 120
    assert len(mine) == 60
    assert {(session.license, *session.user_turns) for session in mine} == {("MIT", "Why?")}
    # Where there are too few, the instruction sets fill up.
    few = draw_with_own(people, make_instructions(400), own.sort("instruction_id").head(5), chosen, "s")
    assert len(few) == 120
    assert sum(session.instruction_id.startswith("itm_") for session in few) == 15


def test_nobody_is_asked_what_they_asked_themselves() -> None:
    people = make_characters(6)
    asked = pl.LazyFrame(
        {
            "item_id": [f"itm_{number:03}" for number in range(60)],
            "persona_id": [f"per_{number % 6:04}" for number in range(60)],
            "instruction": "Why?",
        }
    )
    hub = people.lazy().select("persona_id", license=pl.lit("MIT"))
    own, asker = make_own_sessions(asked, hub), dict(asked.select("item_id", "persona_id").collect().iter_rows())
    chosen = DialogueSettings(per_character=20, own_instructions=1, characters_per_session=3)
    sessions = draw_with_own(people, make_instructions(0), own, chosen, "s")
    assert len(sessions) == 120
    assert set(Counter(session.instruction_id for session in sessions).values()) == {3}
    assert not [one for one in sessions if one.character["persona_id"] == asker[one.instruction_id]]
    # Whoever comes before in rank stays: only the asker's own place is given to the next.
    of_nobody = own.with_columns(persona_id=pl.lit(None, pl.String))
    before = pairs(draw_with_own(people, make_instructions(0), of_nobody, chosen, "s"))
    assert {pair for pair in before if f"per_{pair[1][4:]}" != asker[pair[0]]} <= set(pairs(sessions))
    alone = draw_with_own(people.head(1), make_instructions(0), own.filter(persona_id="per_0000"), chosen, "s")
    assert alone == []


def test_a_limit_draws_whole_sessions_in_their_order() -> None:
    sessions = draw_sessions(make_characters(10), make_instructions(100), DialogueSettings(), "s")
    some = limit_sessions(sessions, 12)
    assert set(Counter(session.instruction_id for session in some).values()) == {3}
    assert [session for session in sessions if session in some] == some != sessions[:12]
    assert len(limit_sessions(sessions, 10)) == 10
    assert limit_sessions(sessions, None) == limit_sessions(sessions, 10_000) == sessions
    assert limit_sessions(sessions, 0) == []
