"""The databases of a ledger, opened once for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from persona_assets.llm import batch_table  # noqa: F401 - its tables are dropped, too
from persona_assets.llm.ledger_table import METADATA
from persona_assets_tests.llm import clients
from persona_assets_tests.llm.postgres import run_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server."""
    with run_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty ledger, in either database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    address: str = request.getfixturevalue("postgres")
    engine = sa.create_engine(address)
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP TABLE IF EXISTS {', '.join(METADATA.tables)}"))
    engine.dispose()
    return address


@pytest.fixture(params=["auto", "litellm"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both transports, one after the other: what holds for one holds for the other."""
    monkeypatch.setattr(clients, "transport", request.param)
    return str(request.param)
