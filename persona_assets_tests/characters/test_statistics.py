"""How characters are distributed, and how alike they answer."""

import polars as pl

from persona_assets.characters.statistics import measure_balance, measure_dialogues
from persona_assets.records import TURNS
from persona_assets_tests.characters.people import make_turns


def test_favourites_are_counted() -> None:
    profiles = pl.LazyFrame(
        {
            "name": ["Mira Holt", "Mira Adan", "mira holt", "Sipho Dube"],
            "age": [20, 29, 41, 7],
            "gender": ["female", "female", "female", "male"],
            "birthplace": ["Bergen, Norway", "Oslo, Norway", "Norway", "Durban, South Africa"],
        }
    )
    balance = measure_balance(profiles)
    assert balance.given_names == {"Mira": 2, "Sipho": 1, "mira": 1}
    assert balance.countries == {"Norway": 3, "South Africa": 1}
    assert balance.ages == {0: 1, 20: 2, 40: 1}
    assert balance.share(balance.genders) == 0.75
    assert balance.same_name == 1


def make_dialogues(*rows: tuple[str, str, str]) -> pl.LazyFrame:
    values = [
        {"character_id": who, "instruction_id": session, "turns": list(make_turns("Well?", said)), "n_turns": 2}
        for who, session, said in rows
    ]
    schema = {"character_id": pl.String, "instruction_id": pl.String, "turns": TURNS, "n_turns": pl.Int32}
    return pl.LazyFrame(values, schema=schema)


def test_characters_that_answer_alike_overlap() -> None:
    same = "I would take the early train and wait at the harbour until the fog lifts."
    other = "No train for me, I walk along the dyke and let the wind decide where I sleep."
    alike = measure_dialogues(make_dialogues(("a", "s", same), ("b", "s", same)))
    apart = measure_dialogues(make_dialogues(("a", "s", same), ("b", "s", other), ("c", "t", same)))
    assert (alike.pairs, alike.overlap) == (1, 1.0)
    assert (apart.pairs, apart.overlap) == (1, 0.0)
    assert (apart.dialogues, apart.characters, apart.turns) == (3, 3, 2.0)


def test_of_nothing_nothing_is_measured() -> None:
    assert measure_dialogues(make_dialogues()).dialogues == 0
