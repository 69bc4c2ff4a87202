"""The embedded decoder can be constrained by every schema of this package: a refused one would go unnoticed."""

import pytest
from pydantic import BaseModel

from persona_assets.characters.dialogues import rewrite_model
from persona_assets.characters.profiles import Profile
from persona_assets.llm.json_regex import to_regex
from persona_assets.llm.structured import answer_schema


@pytest.mark.parametrize("model", [Profile, rewrite_model(1), rewrite_model(3)])
def test_every_schema_becomes_an_expression(model: type[BaseModel]) -> None:
    expression = to_regex(answer_schema(model))
    assert [name for name in model.model_fields if f'"{name}"' not in expression] == []
