import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from persona_assets_tests.commands.conftest import Call, SmallProject

PERSONAS = (
    "A retired bus driver who knits socks for a whole street.",
    "A retired bus driver who knits socks for a whole street!",
    "A marine biologist who counts seals from a kayak.",
    "",
)
COLUMNS = ["persona_id", "persona", "kept_id", "kept_persona", "stage", "score"]


def _write(path: Path, rows: list[dict[str, object]]) -> Path:
    if path.suffix == ".parquet":
        pl.DataFrame(rows).write_parquet(path)
    elif path.suffix == ".csv":
        pl.DataFrame(rows).write_csv(path)
    else:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        data = gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode()
        path.write_bytes(data)
    return path


def _read(path: Path) -> pl.DataFrame:
    return {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".jsonl": pl.read_ndjson}[path.suffix](path)


@pytest.mark.parametrize("source", ["in.jsonl", "in.jsonl.gz", "in.parquet", "in.csv"])
@pytest.mark.parametrize("out", ["jsonl", "parquet", "csv"])
def test_every_format_in_and_out(empty_project: SmallProject, call: Call, source: str, out: str) -> None:
    rows = [{"persona": persona, "number": number} for number, persona in enumerate(PERSONAS)]
    _write(empty_project.folder / source, rows)
    called = call("dedup", source, "--kept", f"kept.{out}", "--duplicates", f"dup.{out}", "--lexical-only")
    assert called.code == 0, called.err
    kept, duplicates = _read(Path(f"kept.{out}")), _read(Path(f"dup.{out}"))
    assert kept.columns == ["persona", "number", "persona_id"]
    assert kept["number"].cast(pl.Int64).to_list() == [0, 2]
    assert duplicates.columns == COLUMNS
    row = duplicates.row(0, named=True)
    assert (row["persona"], row["kept_persona"], row["stage"], row["score"]) == (*PERSONAS[1::-1], "exact", 1.0)
    assert row["kept_id"] == kept["persona_id"][0]
    assert row["persona_id"] != row["kept_id"]
    assert "empty 1" in called.out


def test_files_hold_their_columns_when_nothing_was_dropped(empty_project: SmallProject, call: Call) -> None:
    _write(empty_project.folder / "in.jsonl", [{"persona": PERSONAS[0]}])
    called = call("dedup", "in.jsonl", "--kept", "k.parquet", "--duplicates", "d.parquet", "--lexical-only")
    assert called.code == 0, called.err
    assert pl.read_parquet("d.parquet").columns == COLUMNS
    assert pl.read_parquet("d.parquet").is_empty()


def test_own_ids_are_kept_and_bad_rows_are_told(empty_project: SmallProject, call: Call) -> None:
    text = (
        '{"who": "A baker.", "persona_id": "per_a"}\nno json\n{"who": "A BAKER", "persona_id": "per_b"}\n{"who": 3}\n'
    )
    (empty_project.folder / "in.jsonl").write_text(text, encoding="utf-8")
    called = call(
        "dedup", "in.jsonl", "--column", "who", "--kept", "k.jsonl", "--duplicates", "d.jsonl", "--lexical-only"
    )
    assert called.code == 0, called.err
    assert pl.read_ndjson("k.jsonl").to_dicts() == [{"who": "A baker.", "persona_id": "per_a"}]
    assert pl.read_ndjson("d.jsonl")["kept_id"].to_list() == ["per_a"]
    told = " ".join(called.out.split())
    assert "invalid_json 1" in told
    assert "not_text 1" in told
    assert "in.jsonl:2" in told


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("none.jsonl", "--kept", "k.jsonl", "--duplicates", "d.jsonl"), "none.jsonl"),
        (("in.jsonl", "--column", "who", "--kept", "k.jsonl", "--duplicates", "d.jsonl"), "'who'"),
        (("in.jsonl", "--kept", "k.xlsx", "--duplicates", "d.jsonl"), "k.xlsx"),
        (("in.jsonl", "--kept", "in.jsonl", "--duplicates", "d.jsonl"), "different"),
        (("in.jsonl", "--kept", "k.jsonl", "--duplicates", "d.jsonl", "--jaccard", "2"), "hub.jaccard"),
    ],
)
def test_errors_are_one_paragraph_and_leave_nothing(
    empty_project: SmallProject, call: Call, arguments: tuple[str, ...], named: str
) -> None:
    source = _write(empty_project.folder / "in.jsonl", [{"persona": PERSONAS[0]}])
    before = source.read_bytes()
    called = call("dedup", *arguments, "--lexical-only")
    assert called.code == 1
    assert named in called.err
    assert "Traceback" not in called.err
    assert source.read_bytes() == before
    assert {path.name for path in empty_project.folder.iterdir()} <= {
        "in.jsonl",
        "corpus",
        "prompts",
        "pipeline.toml",
        "data",
    }


def test_embedding_stage_finds_what_words_do_not(empty_project: SmallProject, call: Call) -> None:
    rows: list[dict[str, object]] = [
        {"persona": "A physician who treats children in a rural hospital."},
        {"persona": "A doctor who treats kids in a rural hospital."},
    ]
    _write(empty_project.folder / "in.jsonl", rows)
    called = call("dedup", "in.jsonl", "--kept", "k.jsonl", "--duplicates", "d.jsonl", "--cosine", "0.8")
    assert called.code == 0, called.err
    assert pl.read_ndjson("d.jsonl")["stage"].to_list() == ["embedding"]
