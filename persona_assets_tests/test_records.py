"""Records: ids that are the same everywhere, and schemas that the lake, the checks and the docs share."""

import dataframely as dy
import polars as pl
import pytest

from persona_assets.records import SCHEMAS, content_id, polars_schema, recipe_schema


def test_an_id_is_a_hash_of_its_parts() -> None:
    assert content_id("per", "a text", None, 0) == content_id("per", "a text", None, 0)
    assert content_id("per", "é", 1) == "per_48b3d24015e81821e124"
    ids = {
        content_id("per", *parts) for parts in [("a", "b"), ("ab", ""), ("b", "a"), ("a", None), ("a",), ("a", "null")]
    }
    assert len(ids) == 6


def test_half_a_surrogate_pair_has_an_id() -> None:
    assert content_id("per", "\ud83d").startswith("per_")


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_has_lake_types_descriptions_and_one_key(name: str) -> None:
    schema = SCHEMAS[name]
    types = polars_schema(schema)
    assert list(types) == schema.column_names()
    assert not any("Enum" in str(dtype) for dtype in types.values())
    assert len(schema.primary_key()) == 1
    assert (schema.__doc__ or "").strip()
    frame = pl.DataFrame(schema=types)
    assert schema.validate(frame, cast=True).height == 0


def test_rows_that_break_a_rule_are_told_from_good_ones() -> None:
    schema = recipe_schema("riddles", {"riddle": dy.String(min_length=1, max_length=5), "level": dy.Int64(max=3)})
    assert schema.__name__ == "riddles"
    assert issubclass(schema, dy.Schema)
    rows = pl.DataFrame(
        {
            "item_id": ["a", "b", "c"],
            "persona_id": ["p"] * 3,
            "persona": ["x"] * 3,
            "source_item_id": [None] * 3,
            "riddle": ["short", "too long", ""],
            "level": [1, 2, 9],
            "model": ["m"] * 3,
            "flags": [[]] * 3,
            "response_keys": [["k"]] * 3,
        },
        schema=polars_schema(schema),
    )
    good, failures = schema.filter(rows)
    assert good["item_id"].to_list() == ["a"]
    assert sorted(failures.counts()) == ["level|max", "riddle|max_length", "riddle|min_length"]
