"""A provider's offline batch interface, through litellm: files go up, a batch is made of them, and files come back."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from persona_assets.errors import ModelError
from persona_assets.llm.provider import choose_address, load_litellm
from persona_assets.llm.provider_errors import PassingError, ThrottledError, TransientError, read_error
from persona_assets.llm.request import RefusedError
from persona_assets.settings import ModelSettings

ENDPOINT = "/v1/chat/completions"
PROVIDERS = frozenset({"openai", "azure", "hosted_vllm", "litellm_proxy"})
"""Those whose batches litellm submits, finds again and reads in OpenAI's form; a litellm proxy leads to others."""

_NONCE = "persona_assets"
_ENDED = frozenset({"completed", "expired", "cancelled"})
_BATCHES_A_PAGE = 100
_PAGES = 50
_LONGEST_WAIT = 60.0

_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchState:
    """How far a batch is.

    Attributes:
        status: open, ended (with what came of it in its files) or failed (nothing came of it).
        files: the provider's names of its result files; `input_file`: that of the file of requests.
        detail: what the provider says of it: its own word for the status, and its errors.
        is_too_much: whether it failed only because too many requests are waiting already.
    """

    status: Literal["open", "ended", "failed"]
    files: tuple[str, ...]
    input_file: str | None
    done: int
    total: int
    detail: str
    is_too_much: bool = False


class UnknownBatchError(Exception):
    """The provider knows no batch, or no file, of this name."""


class BatchApi:
    """The batch interface of a model's provider; its calls are tried again while they fail for what may pass.

    Args:
        first_wait: seconds before the second attempt; each further wait is twice as long.

    Raises:
        ModelError: if litellm knows of no batch interface of this provider in OpenAI's form.
    """

    def __init__(self, settings: ModelSettings, first_wait: float = 1.0) -> None:
        self._settings = settings
        self._first_wait = first_wait
        self._provider = settings.name.partition("/")[0]
        if self._provider not in PROVIDERS:
            raise ModelError(
                f"batch.enabled: {settings.name} has no batch interface that can be used here; those of"
                f" {', '.join(sorted(PROVIDERS))} have. Set batch.enabled to false, or batch = false in the table"
                " [tasks.NAME] of the asset that asks it."
            )

    async def upload(self, nonce: str, content: bytes) -> str:
        """Upload the requests of a batch."""
        function, file = load_litellm().acreate_file, (f"persona-assets-{nonce}.jsonl", content)
        made = await self._insist(lambda: self._call(function, file=file, purpose="batch"))
        return str(made.id)

    async def create(self, nonce: str, input_file: str) -> str:
        """Make a batch of uploaded requests; ModelError if the provider does not take it."""
        arguments = {"input_file_id": input_file, "endpoint": ENDPOINT, "metadata": {_NONCE: nonce}}
        is_first = True

        async def attempt() -> str:
            nonlocal is_first
            # An answer that was lost on the way is no reason to pay for the batch again.
            found = None if is_first else await self._find_once(nonce)
            is_first = False
            create = load_litellm().acreate_batch
            return found or str((await self._call(create, completion_window="24h", **arguments)).id)

        return await self._insist(attempt)

    async def find(self, nonce: str) -> str | None:
        """Find the provider's name of a batch by ours; None if it was never made."""
        return await self._insist(lambda: self._find_once(nonce))

    async def look(self, batch_id: str) -> BatchState:
        """See how far a batch is; UnknownBatchError if the provider does not know it, ModelError if it is silent."""
        # litellm would download the results only to price them; they are priced when they are stored.
        asked = {"batch_id": batch_id, "litellm_metadata": {"batch_ignore_default_logging": True}}
        return _read_state(await self._insist(lambda: self._call(load_litellm().aretrieve_batch, **asked), batch_id))

    async def read(self, file_id: str) -> list[dict[str, Any]]:
        """Read a result file: a dictionary for each line that is one; UnknownBatchError if it is gone."""
        content = await self._insist(lambda: self._call(load_litellm().afile_content, file_id=file_id), file_id)
        return list(_read_lines(content.content))

    async def delete(self, file_id: str) -> None:
        """Delete a file, which nobody needs any more; a provider that does not let go of it is no problem."""
        try:
            await self._call(load_litellm().afile_delete, file_id=file_id)
        except (PassingError, RefusedError, ModelError, UnknownBatchError) as error:
            _log.info("%s: the file %s stays at the provider. %s", self._settings.name, file_id, error)

    async def cancel(self, batch_id: str) -> None:
        """Cancel a batch."""
        await self._insist(lambda: self._call(load_litellm().acancel_batch, batch_id=batch_id), batch_id)

    async def _find_once(self, nonce: str) -> str | None:
        after: str | None = None
        for _ in range(_PAGES):
            page = await self._call(load_litellm().alist_batches, after=after, limit=_BATCHES_A_PAGE)
            for batch in page.data:
                if (batch.metadata or {}).get(_NONCE) == nonce:
                    return str(batch.id)
            if not getattr(page, "has_more", False) or not page.data:
                return None
            after = page.data[-1].id
        return None

    async def _call(self, function: Callable[..., Awaitable[Any]], **arguments: Any) -> Any:
        import openai

        try:
            async with asyncio.timeout(self._settings.timeout):
                return await function(
                    custom_llm_provider=self._provider,
                    timeout=self._settings.timeout,
                    max_retries=0,
                    **arguments,
                    **choose_address(self._provider, self._settings),
                )
        except openai.NotFoundError as error:
            raise UnknownBatchError(str(error)) from None
        except TimeoutError as error:
            raise TransientError(f"no answer within {self._settings.timeout:g} seconds (see model.timeout)") from error
        except openai.OpenAIError as error:
            raise read_error(error, self._settings.name, self._settings) from None

    async def _insist(self, attempt: Callable[[], Awaitable[T]], about: str = "") -> T:
        failures, wait = 0, self._first_wait
        while True:
            try:
                return await attempt()
            except ThrottledError as error:
                await asyncio.sleep(wait if error.retry_after is None else error.retry_after)
            except TransientError as error:
                failures += 1
                if failures >= self._settings.max_attempts:
                    raise self._describe(f"does not answer after {failures} attempts: {error}") from None
                await asyncio.sleep(wait)
            except RefusedError as error:
                raise self._describe(f"refuses: {error.detail}") from None
            except UnknownBatchError as error:
                if about:
                    raise
                raise self._describe(f"has none: {error}") from None
            wait = min(wait * 2, _LONGEST_WAIT)

    def _describe(self, problem: str) -> ModelError:
        at = f" at {self._settings.api_base}" if self._settings.api_base else ""
        return ModelError(
            f"The batch interface of {self._settings.name}{at} {problem}. What was submitted is noted in the ledger"
            " and will be collected: correct what it names and run again, or set batch.enabled to false."
        )


def _read_lines(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            # A request without a line is asked again.
            continue
        if isinstance(value, dict):
            yield value


def _read_state(batch: Any) -> BatchState:
    files = tuple(name for name in (batch.output_file_id, batch.error_file_id) if name)
    counts = batch.request_counts
    errors = [error for error in (getattr(batch.errors, "data", None) or []) if error]
    said = "; ".join(f"{_take(error, 'message')} ({_take(error, 'code')})" for error in errors[:3])
    is_failed = batch.status == "failed"
    return BatchState(
        "failed" if is_failed else "ended" if batch.status in _ENDED else "open",
        files,
        batch.input_file_id,
        counts.completed + counts.failed if counts else 0,
        counts.total if counts else 0,
        f"{batch.status}: {said}" if said else str(batch.status),
        is_failed and any("limit" in str(_take(error, "code")) for error in errors),
    )


def _take(error: Any, name: str) -> Any:
    return error.get(name) if isinstance(error, Mapping) else getattr(error, name, None)
