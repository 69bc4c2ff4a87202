from pathlib import Path

import polars as pl
import pytest

from persona_assets.corpus.personas import PERSONA_SCHEMA, PersonaBatch, read_persona_shard
from persona_assets.errors import CorpusError
from persona_assets_tests.corpus.helpers import make_settings, make_shard, write_json_lines


def _read(path: Path, batch_rows: int = 100) -> list[PersonaBatch]:
    return list(
        read_persona_shard(make_shard(path, kind="persona"), make_settings(path, license="CC0-1.0"), batch_rows)
    )


def test_personas_keep_their_order_their_place_and_their_duplicates(tmp_path: Path) -> None:
    rows = [{"persona": "a nurse\nof Kiel "}, {"persona": "a baker", "license": "mit"}, {"persona": "a baker"}]
    (batch,) = _read(write_json_lines(tmp_path / "p.jsonl", rows))
    assert batch.rows.schema == PERSONA_SCHEMA
    assert batch.rows.rows() == [
        ("a nurse of Kiel", "p.jsonl:1", 1, "CC0-1.0"),
        ("a baker", "p.jsonl:2", 2, "mit"),
        ("a baker", "p.jsonl:3", 3, "CC0-1.0"),
    ]


def test_the_column_of_released_rows_is_known(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "p.jsonl", [{"input persona": "a nurse", "synthesized text": "x"}])
    assert _read(path)[0].rows["persona"].to_list() == ["a nurse"]


def test_bad_rows_cost_only_themselves(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "p.jsonl", [{"persona": "a nurse"}, {"persona": " "}, {"persona": 3}, {"x": 1}])
    with path.open("ab") as stream:
        stream.write(b"no json\n" + '{"persona": "café"}\n'.encode("latin-1") + b'{"persona": "a baker"}\n')
    batches = _read(path, batch_rows=3)
    rows, dropped = (pl.concat([getattr(batch, name) for batch in batches]) for name in ("rows", "dropped"))
    assert rows["position"].to_list() == [1, 7]
    assert dropped["reason"].to_list() == ["empty", "not_text", "empty", "invalid_json", "bad_encoding"]
    assert sum(batch.n_records for batch in batches) == rows.height + dropped.height == 7


def test_a_file_without_personas_is_an_error(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "p.jsonl", [{"text": "x"}])
    with pytest.raises(CorpusError, match=r"p\.jsonl has no column 'persona' or 'input persona'; it has 'text'"):
        _read(path)
