"""A code location for tests: the project's own, in processes that know the scripted model."""

from persona_assets_tests.scripted import install_scripted_provider

install_scripted_provider()

from persona_assets.definitions import defs  # noqa: E402

__all__ = ["defs"]
