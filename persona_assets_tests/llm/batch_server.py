"""A local server that speaks OpenAI's batch protocol: files up, batches made of them, results down."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from persona_assets_tests.llm.server import Response, fail, say

EXPIRED = {"code": "batch_expired", "message": "This request could not be executed before the completion window."}


@dataclass
class Batch:
    """A batch as the server keeps it.

    Attributes:
        id: the server's name of it.
        input_file: its requests.
        metadata: what came with it.
        status: OpenAI's word.
        files: output and error file, as far as there are.
        errors: why it failed.
        looks: how often it was asked for.
        total: requests in it.
    """

    id: str
    input_file: str
    metadata: dict[str, str]
    status: str = "in_progress"
    files: dict[str, str] = field(default_factory=dict)
    errors: list[dict[str, str]] = field(default_factory=list)
    looks: int = 0
    total: int = 0


class BatchServer:
    """The server; use it as a context.

    Attributes:
        answer: makes the response of one request of a batch.
        looks: how often a batch is asked for before it has ended; None: it never ends.
        expires: requests of a batch that are left unanswered when it ends, by number.
        refuses: errors with which a batch of so many requests fails at once.
        script: responses given in place of the protocol's, by method and path; each is used up.
        batches: all that were made, in order.
        files: what is stored now.
        uploads: what was ever uploaded.
        bill: the body of each request that got a completion.
        calls: method and path of each call.
    """

    def __init__(self) -> None:
        self.answer: Callable[[dict[str, Any]], Response] = lambda body: say(f"echo {body['messages'][-1]['content']}")
        self.looks: int | None = 1
        self.expires: Callable[[int], bool] = lambda number: False
        self.refuses: Callable[[int], list[dict[str, str]]] = lambda total: []
        self.script: dict[str, list[Response]] = {}
        self.batches: list[Batch] = []
        self.files: dict[str, bytes] = {}
        self.uploads: dict[str, bytes] = {}
        self.bill: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self._lock = threading.Lock()
        self._made = 0
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()

    def list_requests(self, batch: Batch) -> list[dict[str, Any]]:
        """The bodies of a batch's requests."""
        return [json.loads(line)["body"] for line in self.uploads[batch.input_file].splitlines()]

    def respond(self, method: str, path: str, query: dict[str, list[str]], content: bytes, kind: str) -> Response:
        with self._lock:
            self.calls.append(f"{method} {path}")
            scripted = self.script.get(f"{method} {path}")
            if scripted:
                response = scripted.pop(0)
                if response.drops:
                    # The work is done, and only the answer is lost.
                    self._act(method, path, query, content, kind)
                return response
            return self._act(method, path, query, content, kind)

    def _act(self, method: str, path: str, query: dict[str, list[str]], content: bytes, kind: str) -> Response:
        parts = path.strip("/").split("/")[1:]
        match method, *parts:
            case "POST", "files":
                return self._store(_read_upload(content, kind))
            case "GET", "files", name, "content":
                return Response(body=self.files[name].decode()) if name in self.files else fail(404, "no such file")
            case "DELETE", "files", name:
                self.files.pop(name, None)
                return Response(body=json.dumps({"id": name, "object": "file", "deleted": True}))
            case "POST", "batches":
                return self._make(json.loads(content))
            case "GET", "batches":
                return self._list(query)
            case "GET", "batches", name:
                return self._look(name)
            case "POST", "batches", name, "cancel":
                return self._cancel(name)
        return fail(404, f"no such address: {path}")

    def _store(self, content: bytes) -> Response:
        name = self._name("file")
        self.files[name] = content
        self.uploads[name] = content
        found = {"id": name, "object": "file", "bytes": len(content), "created_at": 1, "filename": "requests.jsonl"}
        return Response(body=json.dumps({**found, "purpose": "batch", "status": "processed"}))

    def _make(self, body: dict[str, Any]) -> Response:
        assert body["endpoint"] == "/v1/chat/completions"
        assert body["completion_window"] == "24h"
        batch = Batch(self._name("batch"), body["input_file_id"], body.get("metadata") or {})
        lines = self.files[batch.input_file].splitlines()
        names = [json.loads(line)["custom_id"] for line in lines]
        assert len(set(names)) == len(names)
        assert all(len(name) <= 64 for name in names)
        batch.total = len(lines)
        batch.errors = self.refuses(batch.total)
        if batch.errors:
            batch.status = "failed"
        self.batches.append(batch)
        return self._show(batch)

    def _list(self, query: dict[str, list[str]]) -> Response:
        newest_first = list(reversed(self.batches))
        after = query.get("after", [None])[0]
        start = next((i + 1 for i, batch in enumerate(newest_first) if batch.id == after), 0)
        page = newest_first[start : start + 2]
        more = start + 2 < len(newest_first)
        shown = [json.loads(self._show(batch).body) for batch in page]
        found = {"object": "list", "data": shown, "has_more": more, "first_id": None, "last_id": None}
        return Response(body=json.dumps(found))

    def _look(self, name: str) -> Response:
        batch = next((batch for batch in self.batches if batch.id == name), None)
        if batch is None:
            return fail(404, f"no batch {name}")
        batch.looks += 1
        if batch.status == "in_progress" and self.looks is not None and batch.looks >= self.looks:
            self._work(batch)
        return self._show(batch)

    def _work(self, batch: Batch) -> None:
        good, bad = [], []
        for number, line in enumerate(self.files[batch.input_file].splitlines()):
            request = json.loads(line)
            named = {"id": f"r{number}", "custom_id": request["custom_id"]}
            if self.expires(number):
                bad.append({**named, "response": None, "error": EXPIRED})
                continue
            response = self.answer(request["body"])
            shown = {"status_code": response.status, "request_id": "x", "body": json.loads(response.body)}
            (good if response.status == 200 else bad).append({**named, "response": shown, "error": None})
            if response.is_whole:
                self.bill.append(request["body"])
        for kind, lines in (("output_file_id", good), ("error_file_id", bad)):
            if lines:
                batch.files[kind] = self._name("file")
                # Results come in any order.
                self.files[batch.files[kind]] = "\n".join(json.dumps(line) for line in reversed(lines)).encode()
        batch.status = "expired" if any(line["error"] for line in bad) else "completed"

    def _cancel(self, name: str) -> Response:
        batch = next(batch for batch in self.batches if batch.id == name)
        batch.status = "cancelled"
        return self._show(batch)

    def _show(self, batch: Batch) -> Response:
        done = 0 if batch.status == "in_progress" else batch.total
        shown: dict[str, Any] = {
            "id": batch.id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "input_file_id": batch.input_file,
            "completion_window": "24h",
            "status": batch.status,
            "created_at": 1,
            "metadata": batch.metadata,
            "request_counts": {"total": batch.total, "completed": done, "failed": 0},
            "errors": {"object": "list", "data": batch.errors} if batch.errors else None,
            **batch.files,
        }
        return Response(body=json.dumps(shown))

    def _name(self, kind: str) -> str:
        self._made += 1
        return f"{kind}-{self._made}"


def _read_upload(content: bytes, kind: str) -> bytes:
    message: Message = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + content)
    parts = {part.get_param("name", header="content-disposition"): part for part in message.get_payload()}  # type: ignore[union-attr]
    assert parts["purpose"].get_payload(decode=True) == b"batch"
    return bytes(parts["file"].get_payload(decode=True))


def _make_handler(server: BatchServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            address = urlsplit(self.path)
            kind = self.headers.get("Content-Type", "")
            response = server.respond(self.command, address.path, parse_qs(address.query), content, kind)
            if response.drops:
                self.close_connection = True
                return
            body = response.body.encode()
            self.send_response(response.status)
            for name, value in {"Content-Type": "application/json", **response.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
