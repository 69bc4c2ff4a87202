"""The scripted model behind the test server."""

from typing import Any

from persona_assets_tests.llm.server import Response, say
from persona_assets_tests.scripted import reply


def answer_by_script(body: dict[str, Any]) -> Response:
    """Answer a request as `scripted/plain` answers its messages."""
    scripted = reply("plain", body["messages"], body)
    return say(scripted.text, scripted.finish_reason)
