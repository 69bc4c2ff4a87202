"""What the documentation says is what the code says."""

import importlib.util
import re
from pathlib import Path

import pytest

from persona_assets.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_records_page_is_made_from_the_schemas() -> None:
    spec = importlib.util.spec_from_file_location("make_records", ROOT / "docs" / "make_records.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "records.md").read_text(encoding="utf-8") == module.describe_records()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_that_are_named_exist(page: Path) -> None:
    names = re.findall(r"PERSONA_ASSETS__([A-Z_]+?)__([A-Z_]+)\b", page.read_text(encoding="utf-8"))
    known = {
        (section, key)
        for section, field in Settings.model_fields.items()
        for key in getattr(field.annotation, "model_fields", {})
    }
    named = {(section.lower(), key.lower()) for section, key in names} - {("section", "key")}
    assert named <= known
