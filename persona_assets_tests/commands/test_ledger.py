"""ledger: what it shows, exports and prunes."""

import gzip
import json
import re
import shutil
import sqlite3
from pathlib import Path

import polars as pl
import pytest

from persona_assets.lineage import list_named_responses
from persona_assets.llm.ledger import open_ledger
from persona_assets_tests.commands.conftest import Call, SmallProject


def count_stored(project: SmallProject) -> int:
    with sqlite3.connect(project.data / "ledger.sqlite") as connection:
        return int(connection.execute("SELECT count(*) FROM responses").fetchone()[0])


def test_ledger_shows_models_and_assets_with_unknown_prices_as_unknown(project: SmallProject, call: Call) -> None:
    called = call("ledger")
    assert called.code == 0, called.err
    assert f"{count_stored(project):,} responses" in called.out
    rows = {line.split()[0]: line.split()[1:] for line in called.out.splitlines() if line.strip()}
    assert rows["scripted/plain"][0] == f"{count_stored(project):,}"
    assert {"seed_personas", "expanded_personas", "math_problems", "dialogues_r"} <= set(rows)
    assert all(rows[name][-1] == "unknown" for name in ("scripted/plain", "math_problems"))
    assert "Spent in all: unknown" in called.out
    assert max(map(len, called.out.splitlines())) <= 80 or str(project.data) in called.out.splitlines()[0]


def test_hits_of_a_second_run_are_shown(project: SmallProject, call: Call) -> None:
    before = call("ledger").out
    assert call("run", "--shard", "one", "--asset", "math_problems").code == 0
    hits = [
        next(int(line.split()[3].replace(",", "")) for line in out.splitlines() if line.startswith("math_problems"))
        for out in (before, call("ledger").out)
    ]
    assert hits[1] > hits[0]


@pytest.mark.parametrize("name", ["out.jsonl", "deep/out.jsonl.gz", "out.parquet"])
def test_export_writes_every_response(project: SmallProject, call: Call, name: str) -> None:
    called = call("ledger", "export", name)
    assert called.code == 0, called.err
    path = project.folder / name
    if path.suffix == ".parquet":
        rows = [
            {**row, "response": json.loads(row["response"]), "parameters": json.loads(row["parameters"])}
            for row in pl.read_parquet(path).iter_rows(named=True)
        ]
    else:
        text = gzip.decompress(path.read_bytes()).decode() if name.endswith("gz") else path.read_text(encoding="utf-8")
        rows = [json.loads(line) for line in text.splitlines()]
    assert len(rows) == count_stored(project)
    ledger = open_ledger(None, project.data)
    stored = ledger.read([rows[0]["key"]])[rows[0]["key"]]
    ledger.close()
    assert (rows[0]["response"], rows[0]["asset"], rows[0]["cost"]) == (stored.response, stored.task, None)
    assert rows[0]["parameters"] == json.loads(stored.parameters)
    assert not list(path.parent.glob(".*.tmp"))


def test_export_of_one_asset_has_no_other(project: SmallProject, call: Call) -> None:
    assert call("ledger", "export", "out.parquet", "--asset", "math_problems").code == 0
    assert set(pl.read_parquet("out.parquet")["asset"]) == {"math_problems"}


def test_prune_says_what_it_would_remove_before_it_does(project: SmallProject, call: Call) -> None:
    stored = count_stored(project)
    called = call("ledger", "prune", "--asset", "math_problems")
    assert called.code == 0, called.err
    assert "Would be removed: " in called.out
    assert "which cost unknown" in called.out
    assert "--yes" in called.out
    assert count_stored(project) == stored
    called = call("ledger", "prune", "--asset", "math_problems", "--yes")
    assert "Removed: " in called.out
    assert count_stored(project) < stored
    assert "count what was pruned since" in call("ledger").out
    assert "Nothing to remove" in call("ledger", "prune", "--asset", "math_problems").out


def test_prune_by_date_takes_days_of_utc(project: SmallProject, call: Call) -> None:
    assert "Nothing to remove" in call("ledger", "prune", "--before", "2020-01-01").out
    assert "Would be removed" in call("ledger", "prune", "--before", "2999-01-01").out


def test_unreferenced_responses_go_and_every_row_can_still_be_traced(project: SmallProject, call: Call) -> None:
    named = set(list_named_responses(project.lake))
    assert named
    called = call("ledger", "prune", "--unreferenced")
    assert "No table of" in called.out or "Nothing to remove" in called.out
    project.lake.remove("math_solutions", "one")
    project.lake.remove("sft_mix", "one")
    assert call("ledger", "prune", "--unreferenced", "--yes").code == 0
    ledger = open_ledger(None, project.data)
    left = set(list_named_responses(project.lake))
    assert left < named
    assert set(ledger.read(sorted(named))) == left
    ledger.close()
    assert count_stored(project) == len(left)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("prune",), "no filter is given"),
        (("prune", "--yes"), "no filter is given"),
        (("prune", "--model", "openai/x"), "--model openai/x: the ledger .* no response of it. It has scripted/plain"),
        (("export", "out.jsonl", "--asset", "maths"), "--asset maths: .*math_problems"),
        (("export", "out.txt"), r"out\.txt: its ending must say the format, one of \.jsonl, \.jsonl\.gz, \.parquet"),
    ],
)
def test_mistakes_are_one_paragraph(
    made_once: Path, monkeypatch: pytest.MonkeyPatch, call: Call, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(made_once)
    called = call("ledger", *arguments)
    assert called.code == 1
    assert re.match(f"Error: .*{message}", called.err)
    assert called.err.count("\n") == 1


def test_a_missing_lake_makes_no_response_unreferenced(project: SmallProject, call: Call) -> None:
    stored = count_stored(project)
    (project.data / "lake").rename(project.data / "moved")
    called = call("ledger", "prune", "--unreferenced", "--yes")
    assert called.code == 1
    assert "has no table, so that every response would go" in called.err
    assert count_stored(project) == stored


def test_a_project_without_responses_has_no_ledger(empty_project: SmallProject, call: Call) -> None:
    shutil.rmtree(empty_project.data)
    called = call("ledger")
    assert called.code == 1
    assert "There is no ledger at" in called.err
    assert not empty_project.data.exists()
