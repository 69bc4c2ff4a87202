"""What every test has: the scripted model, known to litellm as soon as somebody loads it."""

import pytest

from persona_assets_tests.scripted import install_scripted_provider


@pytest.fixture(scope="session", autouse=True)
def _scripted_model() -> None:
    install_scripted_provider()
