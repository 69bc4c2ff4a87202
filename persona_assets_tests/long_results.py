"""A plugin of pytest that notes in docs/long_tests.md how each long test went the last time it was run."""

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "long_tests.md"
_HEAD = """# The long tests

`make test-long` runs what takes minutes, or needs PostgreSQL, Chromium, Ray or a trainer's environment, and notes here
how it went. A test whose environment is missing is skipped, and its last result stays.

| test | result | seconds | on |
|---|---|---|---|
"""


class LongResults:
    """Takes in the reports of a session, and writes the page at its end."""

    def __init__(self, page: Path) -> None:
        self._page = page
        self._rows: dict[str, tuple[str, float]] = {}
        self._ended: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a phase of a test: what fails in any of them has failed."""
        if "long" in report.keywords:
            result, seconds = self._rows.get(report.nodeid, ("passed", 0.0))
            self._rows[report.nodeid] = (result if report.passed else report.outcome, seconds + report.duration)
            # One that was set up and interrupted has not run.
            if report.when == "call" or report.failed:
                self._ended.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write the page: rows of this session, and those of former ones."""
        ran = {test: row for test, row in self._rows.items() if test in self._ended and row[0] != "skipped"}
        today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
        rows = dict(_read_rows(self._page))
        for test, (result, seconds) in ran.items():
            name = _name(test)
            rows[name] = f"| {name} | {result} | {seconds:,.0f} | {today} |"
        if ran:
            self._page.write_text(_HEAD + "\n".join(rows[name] for name in sorted(rows)) + "\n", encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin."""
    config.pluginmanager.register(LongResults(PAGE))


def _name(test: str) -> str:
    return test.removeprefix("persona_assets_tests/").replace("|", "/")


def _read_rows(page: Path) -> Iterator[tuple[str, str]]:
    lines = page.read_text(encoding="utf-8").splitlines() if page.is_file() else []
    for line in lines:
        if line.startswith("| ") and not line.startswith("| test |"):
            yield line.split("|")[1].strip(), line
