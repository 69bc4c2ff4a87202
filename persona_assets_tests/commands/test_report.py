"""The report: one file that holds everything, and in which nothing of a text becomes markup."""

import re
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from persona_assets_tests.commands.conftest import Call, SmallProject


def test_a_shards_report_has_every_part(project: SmallProject, call: Call) -> None:
    assert call("report", "--shard", "one").code == 0
    text = (project.data / "reports" / "one.html").read_text("utf-8")
    for part in ("chain", "pictures", "samples", "duplicates", "quarantine", "spend"):
        assert f'id="{part}"' in text
    lake = project.lake
    hub = lake.scan("persona_hub", "one").collect()
    assert f'<td>persona_hub</td><td class="n">{hub.height}</td>' in text
    assert hub["persona"][0] in text
    assert "scripted/plain" in text
    assert len(re.findall("data:image/png;base64,", text)) >= 4
    # One file: nothing is fetched.
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)


def test_a_report_on_all_shards_adds_them_up(project: SmallProject, call: Call) -> None:
    called = call("report")
    assert called.code == 0, called.err
    text = (project.data / "reports" / "all.html").read_text("utf-8")
    rows = sum(project.lake.info("persona_hub", shard).rows for shard in ("one", "two"))
    assert f'<td>persona_hub</td><td class="n">{rows}</td>' in text
    assert "2 shards" in text
    assert call("report", "--shard", "nowhere").code == 1


def test_markup_in_a_text_is_text(project: SmallProject, call: Call) -> None:
    path = Path(project.lake.path("persona_hub", "two"))
    facts = (pq.read_metadata(path).metadata or {})[b"persona_assets"].decode()
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    pl.read_parquet(path).with_columns(persona=pl.lit(evil)).write_parquet(path, metadata={"persona_assets": facts})
    assert call("report", "--shard", "two").code == 0
    text = (project.data / "reports" / "two.html").read_text("utf-8")
    assert "<script>" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;" in text
