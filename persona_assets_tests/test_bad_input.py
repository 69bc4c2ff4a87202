"""Every kind of bad input that the design names, through a run: what it says, and what it leaves alone."""

import errno
import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from persona_assets.lake import Lake
from persona_assets.settings import Settings
from persona_assets_tests.graph.runs import (
    list_failed_checks,
    list_failures,
    make_document,
    make_settings,
    materialise_shard,
    read_files,
    read_metadata,
    write_documents,
    write_instructions,
)
from persona_assets_tests.llm.server import ModelServer, Response, fail, say
from persona_assets_tests.scripted import reply

GOOD, BAD = "good", "bad"
ASSETS = ("web_text", "seed_personas")
SECRET = "sk-wrong-0123456789"
World = Callable[[Path, pytest.MonkeyPatch], Any]


@dataclass(frozen=True)
class BadInput:
    """Something that a user may meet.

    Attributes:
        kind: what the design calls it.
        file: name of the bad shard's file.
        world: sets it up around the run; a context that yields the settings it takes.
        step: the step that fails; empty where only rows are lost.
        message: what the error must say, or the reason and the place of the lost row.
        rows: rows of web_text and of seed_personas that are there after the run.
        answers: responses that the ledger has for the next run.
    """

    kind: str
    file: str
    world: World
    step: str
    message: tuple[str, ...]
    rows: tuple[int | None, int | None]
    answers: int = 0


def write_lines(*middle: bytes) -> World:
    """Two good documents with something between them."""

    @contextmanager
    def world(path: Path, _: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
        write_documents(path, [0, 1])
        first, second = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(first + b"".join(middle) + second)
        yield {}

    return world


def write_bytes(content: bytes) -> World:
    @contextmanager
    def world(path: Path, _: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
        path.write_bytes(content)
        yield {}

    return world


@contextmanager
def name_an_unknown_model(path: Path, _: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    write_documents(path, [0, 1])
    yield {"name": "nonsense/model"}


@contextmanager
def let_the_server_die(path: Path, _: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    write_documents(path, [0, 1])
    with ModelServer() as server:

        def answer(body: dict[str, Any]) -> Response:
            if server.bill:
                server.stop()
            return say(reply("plain", body["messages"], body).text)

        server.answer = answer
        yield {"name": "openai/anything", "api_base": server.url, "max_concurrency": 1, "max_attempts": 2}


@contextmanager
def refuse_the_key(path: Path, _: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    write_documents(path, [0, 1])
    with ModelServer() as server:
        server.answer = lambda _: fail(401, f"Incorrect API key provided: {SECRET}")
        # Another name than above, or the ledger would answer.
        yield {"name": "openai/closed", "api_base": server.url, "api_key": SECRET}


@contextmanager
def fill_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Let there be room for web_text and its quarantine, and for nothing after them."""
    write_documents(path, [0, 1])
    room, sync = [1, 2], os.fsync

    def sync_while_there_is_room(descriptor: int) -> None:
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room.pop()
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", sync_while_there_is_room)
        yield {}


LINE = b'{"text": "%s"}\n'
HALF_PACKED = gzip.compress(LINE % os.urandom(9_000).hex().encode())[:4_000]
CASES = [
    BadInput(
        "corrupt file", "bad.jsonl.gz", write_bytes(b"no gzip at all"), "web_text",
        ("bad.jsonl.gz", "file_corrupt", "Repair or replace"), (None, None),
    ),
    BadInput(
        "file cut short", "bad.jsonl.gz",
        write_bytes(gzip.compress(LINE % make_document(0).encode()) + HALF_PACKED), "",
        ("file_corrupt", "bad.jsonl.gz:2"), (1, 1),
    ),
    BadInput(
        "wrong encoding", "bad.jsonl", write_lines(LINE % "café".encode("latin-1")), "",
        ("bad_encoding", "bad.jsonl:2"), (2, 2),
    ),
    BadInput("empty document", "bad.jsonl", write_lines(LINE % b""), "", ("empty", "bad.jsonl:2"), (2, 2)),
    BadInput(
        "line of 50 MB", "bad.jsonl", write_lines(LINE % (b"long " * 10_000_000)), "",
        ("line_too_long", "bad.jsonl:2"), (2, 2),
    ),
    BadInput(
        "missing column", "bad.jsonl", write_bytes(b'{"body": "x", "id": 1}\n'), "web_text",
        ("bad.jsonl has no column 'text'; it has 'body', 'id'", "Rename the column"), (None, None),
    ),
    BadInput(
        "unknown model", "bad.jsonl", name_an_unknown_model, "seed_personas",
        ("model.name: nonsense/model names no provider", "Write provider/model"), (2, None),
    ),
    BadInput(
        "dead server", "bad.jsonl", let_the_server_die, "seed_personas",
        ("The model openai/anything at http://127.0.0.1:", "does not answer", "start the server"), (2, None), 1,
    ),
    BadInput(
        "wrong key", "bad.jsonl", refuse_the_key, "seed_personas",
        ("model.api_key", "refuses the key", "PERSONA_ASSETS__MODEL__API_KEY"), (2, None),
    ),
    BadInput(
        "full disk", "bad.jsonl", fill_the_disk, "seed_personas",
        ("bad.parquet could not be written: No space left on device", "free space", "run again"), (2, None), 2,
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one good shard, materialised as far as its personas."""
    folder = tmp_path_factory.mktemp("project")
    write_documents(folder / "corpus" / f"{GOOD}.jsonl", range(2, 5))
    write_instructions(folder / "instructions" / "few.jsonl", single=1)
    result = materialise_shard(make_settings(folder), GOOD, *ASSETS)
    assert (list_failures(result), list_failed_checks(result)) == ({}, {})
    return folder


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_bad_input_is_named_and_costs_nothing_else(
    case: BadInput, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = make_settings(project)
    lake = Lake(good.data / "lake")
    path = project / "corpus" / case.file
    before = read_files(Path(lake.root))
    try:
        with case.world(path, monkeypatch) as model:
            bad = make_settings(project, model=model)
            result = materialise_shard(bad, BAD, *ASSETS)
        assert_told(case, list_failures(result), lake)
        heights = tuple(lake.info(asset, BAD).rows if lake.exists(asset, BAD) else None for asset in ASSETS)
        assert heights == case.rows
        # Whatever happened to the bad shard, the good one is as it was, and can still be run.
        assert read_files(Path(lake.root)).items() >= before.items()
        assert list_failures(materialise_shard(good, GOOD, *ASSETS)) == {}
        assert read_files(Path(lake.root)).items() >= before.items()
        if case.answers:
            assert_paid_once(case, bad)
    finally:
        path.unlink()
        for asset in ASSETS:
            lake.remove(asset, BAD)


def assert_told(case: BadInput, failures: dict[str, str], lake: Lake) -> None:
    if case.step:
        assert list(failures) == [case.step]
        for words in case.message:
            assert words in failures[case.step]
        assert SECRET not in failures[case.step]
        return
    assert failures == {}
    reason, place = case.message
    lost = lake.scan_quarantine("web_text", BAD).filter(pl.col("reason") == reason).collect()
    assert lost["row_id"].to_list() == [place]
    assert lost["detail"][0] is not None
    assert dict(lake.info("web_text", BAD).accounting.dropped) == {reason: 1}


def assert_paid_once(case: BadInput, bad: Settings) -> None:
    """Run again with everything right: what was answered before is not asked again."""
    with ModelServer() as server:
        server.answer = lambda body: say(reply("plain", body["messages"], body).text)
        model = bad.model.model_copy(update={"api_base": server.url} if bad.model.api_base else {})
        result = materialise_shard(bad.model_copy(update={"model": model}), BAD, *ASSETS)
    assert list_failures(result) == {}
    metadata = read_metadata(result)["seed_personas"]
    assert (metadata["cached_calls"], metadata["calls"]) == (case.answers, 2 - case.answers)
