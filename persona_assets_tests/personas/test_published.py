"""Personas of published sets."""

import polars as pl

from persona_assets.personas.published import take_personas
from persona_assets.records import SeedPersonas
from persona_assets_tests.asking import put_together


def take(*personas: str) -> pl.DataFrame:
    rows = pl.DataFrame({"persona": personas, "license": "MIT"}, schema_overrides={"persona": pl.String})
    return put_together([take_personas(rows)]).rows


def test_rows_of_a_persona_file_enter_without_a_model() -> None:
    rows = SeedPersonas.validate(take("A baker.", "A cook.", "A baker.", "A  BAKER", "一位面包师"))
    assert rows["persona"].to_list() == ["A baker.", "A cook.", "A baker.", "A  BAKER", "一位面包师"]
    assert rows["persona_id"].n_unique() == 5
    assert rows["doc_id"].null_count() == 5
    assert rows["response_keys"].to_list() == rows["flags"].to_list() == [[]] * 5


def test_ids_of_a_persona_file_depend_on_text_and_occurrence_alone() -> None:
    one, other = take("A baker.", "A cook.", "A baker."), take("A baker.", "A baker.", "A judge.", "A cook.")
    assert one["persona_id"].to_list() == [other["persona_id"][index] for index in (0, 3, 1)]


def test_an_empty_persona_file_makes_an_empty_table() -> None:
    assert take().is_empty()
