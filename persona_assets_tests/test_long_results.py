"""The page of the long tests: what was run is noted anew, what was not keeps its last result."""

from pathlib import Path

import pytest

from persona_assets_tests.long_results import LongResults

pytest_plugins = ["pytester"]

TESTS = """
import pytest

@pytest.mark.long
def test_good(): pass

@pytest.mark.long
def test_bad(): assert False

@pytest.mark.long
def test_absent(): pytest.skip("not here")

def test_short(): pass
"""


def test_last_results_stay_until_the_test_is_run_again(pytester: pytest.Pytester, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    pytester.makeini("[pytest]\nmarkers = long: slow")
    pytester.makepyfile(test_some=TESTS)
    for chosen in ("good or absent", "bad or short"):
        pytester.inline_run("-p", "no:cacheprovider", "-k", chosen, plugins=[LongResults(page)])
    rows = [line.split(" | ")[:2] for line in page.read_text().splitlines() if line.startswith("| test_some")]
    assert rows == [["| test_some.py::test_bad", "failed"], ["| test_some.py::test_good", "passed"]]


def test_a_test_that_was_interrupted_has_not_run(pytester: pytest.Pytester, tmp_path: Path) -> None:
    pytester.makeini("[pytest]\nmarkers = long: slow")
    pytester.makepyfile(
        test_some="import pytest\n@pytest.mark.long\ndef test_some(): pass\n@pytest.mark.long\n"
        "def test_stopped(): raise KeyboardInterrupt"
    )
    page = tmp_path / "page.md"
    pytester.inline_run("-p", "no:cacheprovider", plugins=[LongResults(page)], no_reraise_ctrlc=True)
    assert "::test_some" in page.read_text()
    assert "::test_stopped" not in page.read_text()


def test_a_session_without_long_tests_writes_nothing(pytester: pytest.Pytester, tmp_path: Path) -> None:
    pytester.makepyfile(test_some="def test_short(): pass")
    pytester.inline_run("-p", "no:cacheprovider", plugins=[LongResults(tmp_path / "page.md")])
    assert not (tmp_path / "page.md").exists()
