"""Publishing: to a local double of the Hub, to folders and to a local S3; never against a licence."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from persona_assets.errors import LakeError, SettingsError
from persona_assets.settings import ReleaseSettings
from persona_assets.sft.publish import find_forbidden, publish_release
from persona_assets.sft.release import write_release
from persona_assets.sft.shards import ShardChoice
from persona_assets_tests.object_storage import BUCKET, open_object_storage
from persona_assets_tests.sft.candidates import make_candidates, make_families, make_mix

ALLOWED = ReleaseSettings().licenses
TOKEN = "hf_secretsecretsecret"


def make(folder: Path, licenses: list[str]) -> Path:
    rows = [make_candidates([f"per_{n}"], license=name) for n, name in enumerate(licenses)]
    mix = make_mix(validation_share=0, formats=["sharegpt"])
    return write_release(folder / "m", "m", mix, pl.concat(rows), make_families({}), ShardChoice({}, {})).folder


class Hub(BaseHTTPRequestHandler):
    """The calls that an upload makes, and the files that it brings."""

    def do_GET(self) -> None:
        if "/tree/" in self.path:
            self.answer([{"type": "file", "path": name, "size": 1, "oid": "0"} for name in self.server.files])
        else:
            self.answer({"id": "me/data", "siblings": [{"rfilename": name} for name in self.server.files]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.tokens.add(self.headers["Authorization"])
        if self.path.endswith("/repos/create"):
            self.server.created.append(json.loads(body))
            self.answer({"url": f"{self.server.address}/datasets/me/data"})
        elif self.path.endswith("/validate-yaml"):
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            files = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                for one in json.loads(body)["files"]
            ]
            self.answer({"files": files})
        elif "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.server.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                elif line["key"] == "deletedFile":
                    self.server.files.pop(line["value"]["path"], None)
            self.answer(
                {
                    "commitUrl": f"{self.server.address}/datasets/me/data/commit/1",
                    "commitOid": "1" * 40,
                    "success": True,
                }
            )
        else:
            self.send_error(404, self.path)

    def answer(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.files, server.created, server.tokens = {}, [], set()
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_the_hub_gets_every_file_and_loses_what_an_earlier_release_left(hub: Any, tmp_path: Path) -> None:
    release = make(tmp_path, ["CC0-1.0", "CC-BY-NC-SA-4.0"])
    hub.files["old.parquet"] = b"old"
    # In a process of its own, since the library reads the address when it is imported.
    code = (
        "import sys; from pathlib import Path; from persona_assets.sft.publish import publish_release;"
        f"done = publish_release(Path(sys.argv[1]), 'hf://datasets/me/data', {ALLOWED!r}, '{TOKEN}', private=True);"
        "print(done.files)"
    )
    environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(release)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    expected = {str(path.relative_to(release)): path.read_bytes() for path in release.rglob("*") if path.is_file()}
    assert hub.files == expected
    assert int(done.stdout.split()[-1]) == len(expected)
    assert hub.created[0]["name"] == "data"
    assert hub.created[0]["visibility"] == "private"
    assert hub.tokens == {f"Bearer {TOKEN}"}
    assert all(TOKEN.encode() not in content for content in hub.files.values())


def test_a_folder_gets_every_file(tmp_path: Path) -> None:
    release = make(tmp_path, ["MIT"])
    target = tmp_path / "storage" / "m"
    publish_release(release, f"file://{target}", ALLOWED, None, private=True)
    names = {path.relative_to(release) for path in release.rglob("*") if path.is_file()}
    assert {path.relative_to(target) for path in target.rglob("*") if path.is_file()} == names
    assert pl.read_parquet(target / "train.parquet").equals(pl.read_parquet(release / "train.parquet"))


def test_object_storage_gets_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = make(tmp_path, ["MIT"])
    with open_object_storage(monkeypatch) as objects:
        address = f"s3://{BUCKET}/m?scheme=http&endpoint_override={objects.host}&region=us-east-1"
        publish_release(release, address, ALLOWED, None, private=True)
        names = {f"m/{path.relative_to(release).as_posix()}" for path in release.rglob("*") if path.is_file()}
        assert names <= set(objects.list_keys("m/"))


def write_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"content")


def list_names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_loses_what_an_earlier_release_left_and_nothing_else(tmp_path: Path) -> None:
    release, target = make(tmp_path, ["MIT"]), tmp_path / "storage"
    publish_release(release, f"file://{target}/m", ALLOWED, None, private=True)
    outdated = [
        "train-00001-of-00002.parquet",
        "packed/train.parquet",
        "alpaca/validation.parquet",
        "axolotl-alpaca.yaml",
    ]
    # A bucket may hold other things beside the release, and other releases below it.
    kept = {".git/config", "notes.txt", "sharegpt/mine.parquet", "train-data/a.parquet", "other/train.parquet"}
    write_files(target / "m", *outdated, *kept)
    write_files(target, "beside/train-1.parquet")
    publish_release(release, f"file://{target}/m", ALLOWED, None, private=True)
    assert list_names(target / "m") == list_names(release) | kept
    assert list_names(target / "beside") == {"train-1.parquet"}


def test_object_storage_loses_what_an_earlier_release_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = make(tmp_path, ["MIT"])
    with open_object_storage(monkeypatch) as objects:
        address = f"s3://{BUCKET}/m?scheme=http&endpoint_override={objects.host}&region=us-east-1"
        publish_release(release, address, ALLOWED, None, private=True)
        for key in ("m/train-00001-of-00002.parquet", "mine/train-1.parquet"):
            objects.client.put_object(Bucket=BUCKET, Key=key, Body=b"old")
        publish_release(release, address, ALLOWED, None, private=True)
        keys = {key for key in objects.list_keys() if not key.endswith("/")}
        assert keys == {f"m/{name}" for name in list_names(release)} | {"mine/train-1.parquet"}


@pytest.mark.parametrize("facts", [None, "no JSON", "[]", '{"version": "1.0"}'])
def test_nothing_of_another_folder_is_deleted(facts: str | None, tmp_path: Path) -> None:
    release, target = make(tmp_path, ["MIT"]), tmp_path / "storage"
    write_files(target, "README.md", "thesis.tex", "sub/train.parquet")
    if facts is not None:
        (target / "release.json").write_text(facts)
    publish_release(release, f"file://{target}", ALLOWED, None, private=True)
    assert list_names(target) == list_names(release) | {"thesis.tex", "sub/train.parquet"}


def test_files_of_others_that_would_be_read_as_rows_of_the_release_stop_it(tmp_path: Path) -> None:
    release, target = make(tmp_path, ["MIT"]), tmp_path / "storage"
    write_files(target, "train-mine.parquet", "README.md")
    with pytest.raises(LakeError, match=r"train-mine\.parquet.*no earlier release.*another address"):
        publish_release(release, f"file://{target}", ALLOWED, None, private=True)
    assert list_names(target) == {"train-mine.parquet", "README.md"}


@pytest.mark.parametrize(
    ("licenses", "forbidden"),
    [
        (["CC0-1.0", "MIT"], []),
        (["CC-BY-ND-4.0"], [("CC-BY-ND-4.0", 2)]),
        (["CC0-1.0 AND unknown", "unknown"], [("unknown", 4)]),
        (["CC-BY-SA-4.0 AND Acme Terms"], [("Acme Terms", 2)]),
    ],
)
def test_a_licence_that_does_not_allow_it_stops_it(
    licenses: list[str], forbidden: list[tuple[str, int]], tmp_path: Path
) -> None:
    release = make(tmp_path, licenses)
    assert find_forbidden(release, ALLOWED) == forbidden
    if forbidden:
        with pytest.raises(LakeError, match=rf"not published.*{forbidden[0][0]} \({forbidden[0][1]} rows\)"):
            publish_release(release, f"file://{tmp_path / 'out'}", ALLOWED, None, private=True)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        ("somewhere", SettingsError, "write hf://datasets/OWNER/NAME"),
        ("nonsense://bucket/x", LakeError, "could not be written"),
        ("hf://datasets/bad name", LakeError, "could not be written.*HF_TOKEN"),
    ],
)
def test_an_address_that_is_none_is_named(address: str, error: type[Exception], message: str, tmp_path: Path) -> None:
    release = make(tmp_path, ["MIT"])
    with pytest.raises(error, match=message):
        publish_release(release, address, ALLOWED, TOKEN, private=True)


def test_without_a_release_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="Materialise sft_dataset"):
        publish_release(tmp_path, "file:///nowhere", ALLOWED, None, private=True)
