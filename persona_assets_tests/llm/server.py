"""A small OpenAI-compatible server that answers by script, misbehaves on demand and keeps the bill."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

_PIECE = 40
"""Bytes that a slow server sends at once."""


@dataclass(frozen=True, slots=True)
class Response:
    """What the server does with one request.

    Attributes:
        status: HTTP status.
        body: what is sent.
        headers: beside type and length.
        delay: seconds before anything is sent.
        drops: closes the connection without an answer.
        resets: breaks the connection off with a TCP reset.
        halves: closes the connection after half of the body.
        drip: seconds between one small piece of the body and the next.
        is_silent: never answers, and keeps the connection open.
    """

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drops: bool = False
    resets: bool = False
    halves: bool = False
    drip: float = 0.0
    is_silent: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether a completion reaches a client that waits for it."""
        return self.status == 200 and not (self.drops or self.resets or self.halves or self.is_silent)


def say(
    text: str, finish_reason: str = "stop", delay: float = 0.0, completion_tokens: int = 5, **message: Any
) -> Response:
    """A completion; `finish_reason="length"` is one that the token limit cut off."""
    completion = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "double",
        "choices": [
            {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", "content": text, **message}}
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": completion_tokens, "total_tokens": 7 + completion_tokens},
    }
    return Response(body=json.dumps(completion), delay=delay)


def fail(status: int, message: str = "broken", code: str | None = None, **headers: str) -> Response:
    """An error as OpenAI words it; `retry_after="2"` becomes the header Retry-After."""
    body = {"error": {"message": message, "type": "error", "param": None, "code": code}}
    return Response(status, json.dumps(body), {name.replace("_", "-"): value for name, value in headers.items()})


GARBAGE = Response(body="<html>proxy error</html>")
HOLLOW = Response(body='{"id": "x", "object": "chat.completion", "choices": []}')
DROPPED = Response(drops=True)
RESET = Response(resets=True)
SILENT = Response(is_silent=True)


class ModelServer:
    """The server; use it as a context.

    Attributes:
        script: responses given first, one a request, in the order of arrival.
        answer: makes the response when the script is used up.
        requests: the body of every request, in the order of arrival.
        bill: the body of every request that got a completion.
        keys: the Authorization header of every request.
        most_at_once: requests in flight at once, at most.
    """

    def __init__(self, *script: Response) -> None:
        self.script = list(script)
        self.answer: Callable[[dict[str, Any]], Response] = lambda body: say(f"echo {body['messages'][-1]['content']}")
        self.requests: list[dict[str, Any]] = []
        self.bill: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._http = _Http(("127.0.0.1", 0), _make_handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Go away: from now on connections are refused."""
        self._http.shutdown()
        self._http.server_close()
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        return self._stopped.is_set()

    def respond(self, body: dict[str, Any], authorization: str) -> Response:
        """Note a request and say what to do with it."""
        with self._lock:
            self.requests.append(body)
            self.keys.append(authorization)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            response = self.script.pop(0) if self.script else self.answer(body)
        if response.is_silent:
            self._stopped.wait()
        time.sleep(response.delay)
        with self._lock:
            self._at_once -= 1
            if response.is_whole:
                self.bill.append(body)
        return response


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away: some tests do so on purpose."""


def _make_handler(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave in two packets; without this each reply waits 40 ms for an acknowledgement.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            response = server.respond(body, self.headers.get("Authorization", ""))
            if response.resets:
                # A linger of no seconds makes the close a reset.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            if response.drops or response.resets or server.is_stopped:
                self.close_connection = True
                return
            content = response.body.encode()
            self.send_response(response.status)
            for name, value in {"Content-Type": "application/json", **response.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if response.halves:
                content = content[: len(content) // 2]
                self.close_connection = True
            for start in range(0, len(content), _PIECE if response.drip else max(len(content), 1)):
                time.sleep(response.drip)
                self.wfile.write(content[start : start + _PIECE] if response.drip else content)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
