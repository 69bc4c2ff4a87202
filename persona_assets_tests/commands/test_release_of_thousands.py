"""A release of thousands of rows by the scripted model: families apart, every row traced both ways, a document gone."""

import json
import random
from pathlib import Path

import polars as pl
import pytest

from persona_assets.descendants import find_descendants
from persona_assets.lineage import trace_row
from persona_assets.llm.ledger import open_ledger
from persona_assets_tests.commands.conftest import Call, SmallProject
from persona_assets_tests.commands.test_forget import find_left, list_points

DOCUMENTS, SESSIONS, LEAST = 120, 900, 5_000
PLACES = ("harbour", "mill", "orchard", "tannery", "observatory", "ferry", "quarry", "vineyard", "bakery", "lighthouse")
DEEDS = ("repairs", "counts", "paints", "measures", "sells", "collects", "describes", "inspects", "carries", "plants")

pytestmark = pytest.mark.long


def write_corpus(folder: Path) -> None:
    lots = random.Random(0)
    lines = []
    for number in range(DOCUMENTS):
        place, deed = PLACES[number % 10], DEEDS[number // 10 % 10]
        sentences = [
            f"The keeper of {place} {number} {deed} {lots.randrange(10, 99)} {lots.choice(PLACES)} parts before noon."
            for _ in range(8)
        ]
        text = f"Report {number} from the {place}. " + " ".join(sentences)
        lines.append(json.dumps({"id": f"report-{number}", "text": text, "license": "CC0-1.0"}))
    half = DOCUMENTS // 2
    (folder / "corpus" / "one.jsonl").write_text("\n".join(lines[:half]))
    (folder / "corpus" / "two.jsonl").write_text("\n".join(lines[half:]))
    sessions = [
        {"instruction": f"Name {n} things that a {PLACES[n % 10]} needs in winter.", "output": f"Salt and {n} lamps."}
        for n in range(SESSIONS)
    ]
    (folder / "instructions").mkdir()
    (folder / "instructions" / "set.json").write_text(json.dumps(sessions))


def test_a_release_of_thousands(empty_project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    project, lake = empty_project, empty_project.lake
    write_corpus(project.folder)
    for name, value in {
        "INSTRUCTIONS__PATH": "instructions",
        "CHARACTERS__LIMIT": "100",
        "DIALOGUES__PER_CHARACTER": "15.3",
        "DIALOGUES__CHARACTERS_PER_SESSION": "3",
        "EXPANSION__ROUNDS": "1",
    }.items():
        monkeypatch.setenv(f"PERSONA_ASSETS__{name}", value)
    mix = project.folder / "prompts" / "mixes" / "default.yaml"
    mix.write_text(mix.read_text().replace("validation_share: 0.05", "validation_share: 0.1"))
    assert call("run").code == 0

    folder = project.data / "sft_dataset" / "default"
    splits = {split: pl.read_parquet(folder / f"{split}.parquet") for split in ("train", "validation")}
    assert sum(rows.height for rows in splits.values()) >= LEAST
    assert splits["validation"].height > LEAST / 50
    assert not set(splits["train"]["family_id"]) & set(splits["validation"]["family_id"])

    # Every row leads to a document, and every document to its rows.
    rows = pl.concat(splits.values())
    documents = set(lake.scan_all("web_text", ["one", "two"]).collect()["doc_id"])
    assert set(rows["doc_id"]) <= documents
    made = {document: find_descendants(lake, [document]) for document in sorted(set(rows["doc_id"]))}
    down = {row: doc for doc, found in made.items() for one in found if one.asset == "sft_mix" for row in one.ids}
    assert set(rows["example_id"]) <= set(down)
    ledger = open_ledger(None, project.data)
    try:
        for row in rows.sample(60, seed=0).iter_rows(named=True):
            steps = trace_row(lake, ledger, row["example_id"])
            assert steps[-1].asset == "web_text"
            assert steps[-1].row_id == row["doc_id"]
    finally:
        ledger.close()

    document = max(made, key=lambda name: sum(len(one.ids) for one in made[name]))
    ids = {row for one in made[document] for row in one.ids}
    texts = [
        text
        for table in ("seed_personas", "expanded_personas")
        for shard in lake.shards(table)
        for text in lake.scan(table, shard).filter(pl.col("persona_id").is_in(ids)).collect()["persona"]
    ]
    called = call("forget", "--doc", document, "--yes")
    assert called.code == 0, called.out + called.err
    needles = [*texts, *sorted(ids)]
    assert find_left(project.data, needles) == set()
    assert not list_points(project) & ids
    left = pl.concat([pl.read_parquet(folder / f"{split}.parquet") for split in splits])
    assert document not in set(left["doc_id"])
    assert left.height > LEAST * 0.9
