"""The check of a recipe's rows as a set: what is beyond a threshold is named, with the setting."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from persona_assets.accounting import Accounting
from persona_assets.checks.sets import check_quality
from persona_assets.recipes.recipe import RecipeFile
from persona_assets.records import QUARANTINE_COLUMNS, polars_schema
from persona_assets.resources import Project
from persona_assets.settings import load_settings
from persona_assets.tables import Batch
from persona_assets_tests.asking import PROMPTS
from persona_assets_tests.conftest import link_compiled_models
from persona_assets_tests.evaluation.test_quality import TRADES

SAME = [(persona, TRADES[0][1]) for persona, _ in TRADES]
RECIPE = RecipeFile.model_validate(
    {"asset": "instructions", "description": "x", "user": "x", "fields": {"instruction": {"description": "x"}}}
)


@pytest.fixture(autouse=True)
def _compiled_once(compiled_models: Path, tmp_path: Path) -> None:
    link_compiled_models(compiled_models, tmp_path)


def publish(folder: Path, texts: list[tuple[str, str]], read: int | None = None, **quality: Any) -> Project:
    project = Project(load_settings(paths={"data": folder, "prompts": PROMPTS}, quality=quality))
    rows = pl.DataFrame(
        {
            "item_id": [f"itm_{number}" for number in range(len(texts))],
            "persona_id": [f"per_{number}" for number in range(len(texts))],
            "persona": [persona for persona, _ in texts],
            "source_item_id": [None] * len(texts),
            "instruction": [text for _, text in texts],
            "model": ["m"] * len(texts),
            "flags": [[] for _ in texts],
            "response_keys": [["k"]] * len(texts),
        },
        schema=polars_schema(RECIPE.schema_class()),
    )
    account = Accounting.of_rows(
        read or rows.height, rows.height, {}, {"malformed": (read or rows.height) - rows.height}
    )
    batch = Batch(rows, pl.DataFrame(schema=QUARANTINE_COLUMNS), account)
    project.lake.write(RECIPE.asset, "s", polars_schema(RECIPE.schema_class()), [batch])
    return project


def vary(number: int) -> list[tuple[str, str]]:
    """Different texts for each persona, in as many rows as asked for."""
    return [
        (persona, f"{text} ({place}, {place * 7} and {place * 13} of them)")
        for place, (persona, text) in ((n, TRADES[n % len(TRADES)]) for n in range(number))
    ]


@pytest.mark.parametrize(
    ("texts", "settings", "problem"),
    [
        (list(TRADES) * 2, {"max_near_duplicates": 1, "min_distinct_2": 0}, None),
        (list(TRADES) * 2, {"min_distinct_2": 0}, r"near_duplicates is 1\.00, above quality\.max_near_duplicates 0\.1"),
        (SAME * 2, {"max_near_duplicates": 1}, r"distinct_2 is 0\.\d+, below .*persona_match is"),
        (list(TRADES), {}, None),
    ],
)  # fmt: skip
def test_a_measure_beyond_its_threshold_is_named(
    texts: list[tuple[str, str]], settings: dict[str, float], problem: str | None, tmp_path: Path
) -> None:
    finding = check_quality(RECIPE)(publish(tmp_path, texts, **settings), "s")
    assert finding.facts["rows"] == len(texts)
    if problem is None:
        assert finding.problem is None
    else:
        with pytest.raises(AssertionError, match=problem):
            raise AssertionError(finding.problem)


def test_few_valid_replies_are_told(tmp_path: Path) -> None:
    project = publish(tmp_path, vary(24), read=240, max_near_duplicates=1, min_persona_match=0, min_distinct_2=0)
    finding = check_quality(RECIPE)(project, "s")
    assert finding.problem is not None
    assert "valid is 0.10, below quality.min_valid 0.2" in finding.problem
    assert "read the rows and the quarantine of instructions" in finding.problem
