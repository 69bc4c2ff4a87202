"""The fields of an answer: what a model may say for them, and what their columns hold."""

import polars as pl
import pytest
from pydantic import ValidationError

from persona_assets.llm.structured import answer_schema
from persona_assets.recipes.fields import FieldSpec, build_model

MODEL = build_model("Answer", {"count": FieldSpec(type="integer", description="How many.")})


@pytest.mark.parametrize("count", [2**63 - 1, -(2**63 - 1), 0])
def test_an_integer_without_limits_fits_its_column(count: int) -> None:
    values = MODEL.model_validate({"count": count}).model_dump()
    assert pl.DataFrame([values], schema={"count": pl.Int64})["count"].item() == count


@pytest.mark.parametrize("count", [2**63, -(10**20)])
def test_an_integer_that_no_column_holds_is_refused(count: int) -> None:
    with pytest.raises(ValidationError, match="too large for a column"):
        MODEL.model_validate({"count": count})


def test_the_bounds_of_a_field_are_in_the_schema() -> None:
    model = build_model("Answer", {"level": FieldSpec(type="integer", description="L.", minimum=1, maximum=5)})
    level = answer_schema(model)["properties"]["level"]
    assert (level["minimum"], level["maximum"]) == (1, 5)


def test_the_limit_of_a_column_is_nothing_that_a_model_reads() -> None:
    assert answer_schema(MODEL)["properties"]["count"] == {"description": "How many.", "type": "integer"}
