"""OpenAI-compatible servers, asked over a bare HTTP client: what litellm adds to a call costs ten times as much."""

import asyncio
import functools
import json
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies
from weakref import WeakKeyDictionary

from persona_assets.settings import ModelSettings

if TYPE_CHECKING:
    import aiohttp

_CONNECT_SECONDS = 30.0
# Under the five seconds after which uvicorn, which vLLM runs on, closes a connection: who is second loses a request.
_KEEP_ALIVE_SECONDS = 4.0
_LONGEST_DETAIL = 2_000
_ENDPOINT = "/chat/completions"
RECORDED = "recorded"
"""The provider of a model whose replies lie in the ledger; a server is asked for new ones where its address is set."""

_OPENAI = "https://api.openai.com/v1"

_PLAIN_AT_OPENAI = re.compile(r"(gpt-4o|gpt-4\.1|gpt-4-turbo|gpt-3\.5-turbo)(?!.*(audio|search|realtime|16k))")
"""OpenAI's own models that take every parameter as it is."""

_REWRITTEN = re.compile(r"(.*/)?(o\d|gpt-4$|gpt-(?!3|4|oss))|responses/|.*(audio|search)")
"""Models of OpenAI, also behind a gateway, whose parameters litellm rewrites or whose endpoint is another."""

_LITELLM_ONLY = (
    "OPENAI_ORGANIZATION", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "SSL_VERIFY", "SSL_CERTIFICATE", "USE_LITELLM_PROXY",
)  # fmt: skip
"""Variables that litellm and its OpenAI client honour, and that only they do."""


@dataclass(frozen=True, slots=True)
class _Provider:
    bases: tuple[str, ...] = ()
    key: str = ""


_PROVIDERS = {
    "openai": _Provider(("OPENAI_BASE_URL", "OPENAI_API_BASE"), "OPENAI_API_KEY"),
    "hosted_vllm": _Provider(("HOSTED_VLLM_API_BASE",), "HOSTED_VLLM_API_KEY"),
    "lm_studio": _Provider(("LM_STUDIO_API_BASE",), "LM_STUDIO_API_KEY"),
    "llamafile": _Provider(("LLAMAFILE_API_BASE",), "LLAMAFILE_API_KEY"),
    RECORDED: _Provider(),
}
"""Providers that litellm sends to `/chat/completions` unchanged, with the variables that it reads."""


@dataclass(frozen=True, slots=True)
class ChatServer:
    """Where chat completions are asked for. `key`: sent as a bearer token; None for a server that wants none."""

    url: str
    key: str | None = field(repr=False)


class ServerError(Exception):
    """The server answered, but with no completion."""

    def __init__(self, text: str, status_code: int, headers: Mapping[str, str]) -> None:
        super().__init__(text)
        self.status_code = status_code
        self.headers = headers


class NoCompletionError(Exception):
    """The server was not reached, was lost, or sent something that is no completion."""


@functools.lru_cache(maxsize=32)
def find_server(model: str, settings: ModelSettings) -> ChatServer | None:
    """Find the server that a model can be asked at without litellm, in the environment of the first call.

    None where litellm is needed, or has the error message for what is missing.
    """
    name, _, bare = model.partition("/")
    provider = _PROVIDERS.get(name)
    if provider is None or (name != RECORDED and _needs_litellm(settings)):
        return None
    base = settings.api_base or next(filter(None, map(os.environ.get, provider.bases)), None)
    key = settings.api_key.get_secret_value() if settings.api_key else os.environ.get(provider.key)
    if name == "openai" and not _is_plain(bare, base):
        return None
    if base is None and name == "openai" and key:
        base = _OPENAI
    if not (base and bare and _is_plain_address(base)):
        return None
    return ChatServer(base.rstrip("/").removesuffix(_ENDPOINT) + _ENDPOINT, key or None)


async def post_chat(server: ChatServer, body: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Ask a server once, for so many seconds in all; the completion is as it sent it, with at least one message.

    Raises:
        ServerError: if the server answers with an error.
        NoCompletionError: if there is no answer, or none that is a completion. Its cause says which.
    """
    import aiohttp

    headers = {"Content-Type": "application/json"}
    if server.key:
        headers["Authorization"] = f"Bearer {server.key}"
    try:
        async with _open_session().post(
            server.url,
            data=json.dumps(body).encode(),
            headers=headers,
            ssl=_trust() if server.url.startswith("https:") else True,
            timeout=_limit(seconds),
        ) as response:
            content = await response.read()
    except TimeoutError as error:
        raise NoCompletionError(f"no answer within {seconds:g} seconds") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NoCompletionError(_hide(f"{type(error).__name__}: {error}", server)) from error
    if response.status != 200:
        raise ServerError(_hide(_read_problem(content), server), response.status, response.headers)
    return _read_completion(content, response.headers, server)


async def close_sessions() -> None:
    """Close the connections of the running event loop."""
    session = _sessions.pop(asyncio.get_running_loop(), None)
    if session is not None:
        await session.close()


_sessions: "WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession]" = WeakKeyDictionary()


def _open_session() -> "aiohttp.ClientSession":
    loop = asyncio.get_running_loop()
    session = _sessions.get(loop)
    if session is None:
        import aiohttp

        session = aiohttp.ClientSession(
            # As many connections as requests: those are counted by who asks.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS, ttl_dns_cache=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Looked up for each request otherwise, which costs as much as the request.
            trust_env=bool(getproxies()),
        )
        _sessions[loop] = session
    return session


@functools.cache
def _limit(seconds: float) -> "aiohttp.ClientTimeout":
    import aiohttp

    return aiohttp.ClientTimeout(total=seconds, sock_connect=min(_CONNECT_SECONDS, seconds))


@functools.cache
def _trust() -> ssl.SSLContext:
    import certifi

    # The system's authorities and SSL_CERT_FILE, and the public ones, for systems that bring none.
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _needs_litellm(settings: ModelSettings) -> bool:
    return settings.transport == "litellm" or any(variable in os.environ for variable in _LITELLM_ONLY)


def _is_plain(bare: str, base: str | None) -> bool:
    if base is None or urlsplit(base).hostname == urlsplit(_OPENAI).hostname:
        return _PLAIN_AT_OPENAI.match(bare) is not None
    return _REWRITTEN.match(bare) is None


def _is_plain_address(base: str) -> bool:
    parts = urlsplit(base)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.username or parts.query)


def _read_completion(content: bytes, headers: Mapping[str, str], server: ChatServer) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise NoCompletionError(f"the server's answer is no JSON ({error})") from error
    try:
        return check_completion(body)
    except ServerError as error:
        raise ServerError(_hide(str(error), server), error.status_code, headers) from None


def check_completion(body: Any) -> dict[str, Any]:
    """Give back a completion with at least one message; ServerError for an error, else NoCompletionError."""
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    has_content = isinstance(message, dict) and message.get("content")
    if isinstance(body, dict) and body.get("error") and not has_content:
        # Some gateways send the error of who stands behind them under a status of 200.
        raise ServerError(describe_error(body), _read_code(body["error"]), {})
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise NoCompletionError("the server's answer holds no message")
    if choice.get("finish_reason") in ("abort", "error"):
        raise NoCompletionError("the server broke the answer off")
    return body  # type: ignore[no-any-return]


def _read_problem(content: bytes) -> str:
    text = content.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text[:_LONGEST_DETAIL]
    return describe_error(body)


def describe_error(body: Any) -> str:
    """What a server's error says, as OpenAI words it or as it stands."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict) or "message" not in error:
        return json.dumps(body)[:_LONGEST_DETAIL]
    code = error.get("code") or error.get("type")
    return (f"{error['message']} ({code})" if code else str(error["message"]))[:_LONGEST_DETAIL]


def _read_code(error: Any) -> int:
    code = str(error.get("code")) if isinstance(error, dict) else ""
    return int(code) if re.fullmatch(r"[45]\d\d", code) else 500


def _hide(text: str, server: ChatServer) -> str:
    return text.replace(server.key, "…") if server.key else text
