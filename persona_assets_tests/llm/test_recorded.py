"""A model whose replies were recorded: the ledger answers, and what is missing is named or asked of a server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from persona_assets.llm.request import RefusedError, Reply
from persona_assets_tests.llm.clients import ask, ask_all, make_request
from persona_assets_tests.llm.server import ModelServer, fail

MODEL = "recorded/strong"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    request = make_request("Who reads\n this? " + "word " * 100, model=MODEL, shard="web", origin_id="d0c")
    with pytest.raises(RefusedError) as raised:
        ask(tmp_path, "", lambda client: client.ask(request), name=MODEL, api_base=None)
    assert raised.value.reason == "not_recorded"
    text = raised.value.detail
    assert text.startswith(
        "recorded/strong has no recorded reply for a request of math, shard web, about d0c: “Who reads"
    )
    assert "this? word word" in text
    assert "`make record` collects what is missing" in text
    assert len(text) < 500
    assert "\n" not in text


def test_a_server_is_asked_where_one_is_named_and_the_ledger_then_answers_alone(tmp_path: Path) -> None:
    with ModelServer(fail(500)) as server:
        (reply,), usage = ask(tmp_path, server.url, ask_all("hi", model=MODEL), name=MODEL)
    assert isinstance(reply, Reply)
    assert (reply.text, reply.cost, usage.unpriced) == ("echo hi", None, 1)
    assert (server.requests[0]["model"], server.keys[0]) == ("strong", "")
    (again,), usage = ask(tmp_path, "", ask_all("hi", model=MODEL), name=MODEL, api_base=None)
    assert isinstance(again, Reply)
    assert (again.text, again.cached, usage.cached, usage.stored_prompt_tokens) == ("echo hi", True, 1, 7)


def test_no_setting_or_variable_leads_it_to_litellm(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from persona_assets.llm.request import RefusedError
from persona_assets_tests.llm.clients import ask, ask_all
from persona_assets_tests.llm.server import ModelServer
model, folder = "recorded/strong", Path(sys.argv[1])
with ModelServer() as server:
    ask(folder, server.url, ask_all("a", model=model), name=model, transport="litellm")
(problem,), _ = ask(folder, "", ask_all("b", model=model), name=model, api_base=None, transport="litellm")
assert isinstance(problem, RefusedError)
print([name for name in ("litellm", "openai", "torch") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={"OPENAI_ORG_ID": "mine", "PYTHONPATH": str(Path.cwd())},
    )
    assert json.loads(done.stdout) == []
