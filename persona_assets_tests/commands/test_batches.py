"""batches: what it shows, collects and gives up."""

from collections.abc import Iterator

import pytest

from persona_assets.llm import batches
from persona_assets_tests.commands.conftest import Call, SmallProject
from persona_assets_tests.llm.batch_server import BatchServer
from persona_assets_tests.llm.clients import ask_all
from persona_assets_tests.llm.test_batches import ask


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchServer]:
    monkeypatch.setattr(batches, "_QUIET_SECONDS", 0.05)
    with BatchServer() as server:
        server.looks = None
        monkeypatch.setenv("PERSONA_ASSETS__MODEL__API_BASE", server.url)
        monkeypatch.setenv("PERSONA_ASSETS__MODEL__API_KEY", "secret")
        yield server


def leave_batch(project: SmallProject, server: BatchServer, *texts: str) -> None:
    ask(project.data, server.url, ask_all(*texts), max_wait_minutes=0)


def test_nothing_under_way_is_said(project: SmallProject, call: Call) -> None:
    assert call("batches").out.strip() == "No batch is under way."


def test_batches_are_shown_and_collected_when_they_have_ended(
    project: SmallProject, call: Call, server: BatchServer
) -> None:
    leave_batch(project, server, "a", "b")
    shown = call("batches")
    assert shown.code == 0, shown.err
    assert all(word in shown.out for word in ("batch-2", "openai/anything", "in_progress", "0 min"))
    server.looks = 1
    server.expires = lambda number: number == 0
    assert "collected, 1 to be asked again" in " ".join(call("batches").out.split())
    assert call("batches").out.strip() == "No batch is under way."
    server.expires = lambda number: False
    _, usage = ask(project.data, server.url, ask_all("a", "b"))
    assert (usage.calls, usage.cached) == (1, 1)


def test_a_batch_that_is_forgotten_is_asked_again(project: SmallProject, call: Call, server: BatchServer) -> None:
    leave_batch(project, server, "a")
    refused = call("batches", "--forget", "no-such")
    assert refused.code == 1
    assert "no such batch is under way" in refused.err
    assert "will be asked, and paid for, again" in " ".join(call("batches", "--forget", "batch-2").out.split())
    server.looks = 1
    ask(project.data, server.url, ask_all("a"))
    assert len(server.batches) == 2


def test_a_dead_provider_is_said_beside_its_batch(project: SmallProject, call: Call, server: BatchServer) -> None:
    leave_batch(project, server, "a")
    server.batches.clear()
    shown = call("batches")
    assert shown.code == 0
    assert "not known to the provider" in " ".join(shown.out.split())
