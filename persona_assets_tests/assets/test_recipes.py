"""What the launchpad may change about a recipe."""

import pytest
from pydantic import ValidationError

from persona_assets.assets.recipes import RecipeConfig
from persona_assets.settings import TaskSettings


def test_a_run_changes_method_and_draws_and_leaves_what_else_is_fixed() -> None:
    settings = TaskSettings(candidates=4, draws={"focus": {"algebra": 1.0}, "difficulty": "primary"})
    merged = RecipeConfig(method="few_shot", draws={"focus": "knots"}, limit=3).merge(settings)
    assert (merged.method, merged.candidates, merged.limit) == ("few_shot", 4, 3)
    assert merged.draws == {"focus": "knots", "difficulty": "primary"}
    assert RecipeConfig().merge(settings) == settings


def test_a_method_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValidationError, match="method"):
        RecipeConfig(method="one_shot").merge(TaskSettings())
