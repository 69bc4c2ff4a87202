"""A chat completion server of fixed latency that costs next to nothing, in a process of its own.

python -m benchmarks.fixed_server 8100 0.2
"""

import argparse
import asyncio
import gc
import json
import re

_TEXT = (
    "A village schoolteacher who has kept a weather diary since the flood of 1986, repairs radios for the neighbours"
    " on Sundays, and writes letters to the county about the bus that no longer stops at the mill. Her pupils know"
    " every cloud by its Latin name."
)
_COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "double",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": _TEXT}}],
    "usage": {"prompt_tokens": 80, "completion_tokens": 60, "total_tokens": 140},
}
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def make_response() -> bytes:
    """The one response, with its head."""
    body = json.dumps(_COMPLETION).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Connection(asyncio.Protocol):
    """Answers each request of one connection a fixed time after its last byte: no framework, to leave the processor
    to the client that is measured."""

    def __init__(self, seconds: float, response: bytes) -> None:
        self._seconds, self._response = seconds, response
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, gap, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if gap and len(body) >= (int(length[1]) if length else 0):
            self._received = b""
            asyncio.get_running_loop().call_later(self._seconds, self._transport.write, self._response)


async def serve(port: int, seconds: float) -> None:
    response = make_response()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(seconds, response), "127.0.0.1", port, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("seconds", type=float)
    arguments = parser.parse_args()
    gc.disable()
    asyncio.run(serve(arguments.port, arguments.seconds))
