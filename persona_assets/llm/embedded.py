"""The embedded model: one GGUF file run in process, many requests at once, by openvino-genai."""

import atexit
import itertools
import logging
import queue
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from persona_assets.errors import ModelError, PersonaAssetsError
from persona_assets.llm.chat_prompt import ChatPrompt
from persona_assets.llm.engine import configure, load_pipeline, shorten
from persona_assets.llm.generation import (
    FinishReason,
    Generation,
    GenerationOptions,
    PromptTooLongError,
)
from persona_assets.llm.gguf import resolve_gguf
from persona_assets.llm.gguf_header import GgufHeader, read_header
from persona_assets.llm.json_regex import split_literal, to_regex, write_any_object
from persona_assets.llm.loops import is_looping
from persona_assets.llm.prefixes import count_together

_LOOK_EVERY = 16
_BLANK_TAIL = 40
# Of those that wait, more than are ever begun in one step need not be compared.
_MOST_A_STEP = 16


@dataclass(eq=False, slots=True)
class _Job:
    future: "Future[Generation]"
    input_ids: Any
    config: Any
    stop: tuple[str, ...]
    begun: str
    handle: Any = None
    tokens: list[int] = field(default_factory=list)
    reason: FinishReason = "stop"

    @property
    def prompt(self) -> Any:
        """The numbers of the prompt's tokens, as an array."""
        return self.input_ids.data[0]


class EmbeddedModel:
    """A loaded model that answers many requests at once.

    Requests may come from any thread at any time; one background thread generates for all of them together.
    """

    def __init__(self, path: Path, context_tokens: int) -> None:
        """Load a model, which takes some seconds.

        Args:
            path: the GGUF file.
            context_tokens: longest prompt and answer together, in tokens; never more than the model was made for.

        Raises:
            ModelError: if the engine is not installed or cannot load the file.
        """
        header = read_header(path)
        self.context_tokens = min(context_tokens, header.read_number("context_length") or context_tokens)
        self._path = path
        self._inbox: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._waiting: deque[_Job] = deque()
        self._numbers = itertools.count()
        self._failure: ModelError | None = None
        self._closed = False
        self._guard = threading.Lock()
        loaded: Future[Any] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(header, loaded), name=f"embedded-{path.stem}", daemon=True
        )
        self._thread.start()
        try:
            self._genai = loaded.result()
        except BaseException:
            self.close()
            raise
        self._tokenizer = self._pipeline.get_tokenizer()
        self._prompt = ChatPrompt(self._tokenizer, str(path))

    @property
    def usable(self) -> bool:
        """Whether it takes requests: neither closed nor failed."""
        return not self._closed and self._failure is None

    def submit(self, messages: Sequence[Mapping[str, Any]], options: GenerationOptions) -> "Future[Generation]":
        """Ask for an answer.

        Args:
            messages: the chat, each with `role` (system, user, assistant) and `content`.
            options: how the answer is drawn.

        Returns:
            A future: cancel it to drop the request. It fails with PromptTooLongError, with InvalidRequestError (a
            schema that cannot be followed, an option out of range), or with ModelError if the engine broke down or
            was closed.
        """
        future: Future[Generation] = Future()
        try:
            job = self._prepare(future, messages, options)
        except PersonaAssetsError as error:
            future.set_exception(error)
            return future
        with self._guard:
            if self.usable:
                self._inbox.put(job)
            else:
                future.set_exception(self._failure or ModelError(f"The embedded model {self._path} was closed."))
        return future

    def close(self) -> None:
        """Stop generating and free the model; what is under way fails with a ModelError."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            self._inbox.put(None)
        self._thread.join()

    def _prepare(
        self, future: "Future[Generation]", messages: Sequence[Mapping[str, Any]], options: GenerationOptions
    ) -> _Job:
        begun, expression = _write_expression(options, is_begun=messages[-1]["role"] == "assistant")
        config = configure(self._genai, self._tokenizer, options, expression)
        turns = [*messages, {"role": "assistant", "content": begun}] if begun else messages
        # The template writes every special token itself.
        input_ids = self._tokenizer.encode(self._prompt.render(turns), add_special_tokens=False).input_ids
        prompt_tokens = int(input_ids.shape[1])
        if prompt_tokens + options.max_tokens > self.context_tokens:
            raise PromptTooLongError(
                f"The prompt has {prompt_tokens} tokens, and with an answer of up to {options.max_tokens} it does not"
                f" fit the {self.context_tokens} tokens of the context. Shorten the text (corpus.max_chars), or raise"
                " model.context_tokens if the model can take more."
            )
        return _Job(future, input_ids, config, options.stop, begun)

    def _run(self, header: GgufHeader, loaded: "Future[Any]") -> None:
        # The engine gives the thread that makes it a stack for signals, and takes the memory away at its end: a signal
        # that comes to the main thread after that would end the process.
        try:
            genai, self._pipeline = load_pipeline(self._path, header, self.context_tokens)
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread that waits for the model raises it
            loaded.set_exception(error)
            return
        loaded.set_result(genai)
        self._serve()

    def _serve(self) -> None:
        jobs: list[_Job] = []
        try:
            while self._take_in(jobs):
                if jobs:
                    self._pipeline.step()
                jobs = [job for job in jobs if not self._advance(job)]
            for job in jobs:
                job.handle.cancel()
            if self._pipeline.has_non_finished_requests():
                # The engine frees what was cancelled in its next step; at its end it complains of what was not freed.
                self._pipeline.step()
            self._fail_all(jobs, ModelError(f"The embedded model {self._path} was closed."))
        except Exception as error:  # noqa: BLE001 - whatever breaks the engine must reach those who wait for it
            self._break_down(jobs, error)
        finally:
            # The pipeline lives as long as its thread: nobody else touches it.
            del self._pipeline

    def _take_in(self, jobs: list[_Job]) -> bool:
        if not self._empty_inbox(wait=not jobs and not self._waiting):
            return False
        first = [job.prompt for job in itertools.islice(self._waiting, _MOST_A_STEP)]
        for _ in range(count_together(first, [job.prompt for job in jobs])):
            job = self._waiting.popleft()
            if not job.future.cancelled():
                jobs.append(job)
                job.handle = self._pipeline.add_request(next(self._numbers), job.input_ids, job.config)
        return True

    def _empty_inbox(self, wait: bool) -> bool:
        while not self._closed:
            try:
                job = self._inbox.get(block=wait)
            except queue.Empty:
                return True
            if job is None:
                return False
            self._waiting.append(job)
            wait = False
        return False

    def _advance(self, job: _Job) -> bool:
        """Take over what a step gave one job, and tell whether it is done with."""
        if job.future.cancelled():
            job.handle.cancel()
            return True
        before = len(job.tokens)
        finished: Any = None
        while job.handle.can_read():
            for output in job.handle.read().values():
                job.tokens.extend(output.generated_ids)
                finished = output.finish_reason
        if finished not in {None, self._genai.GenerationFinishReason.NONE}:
            job.reason = "length" if finished == self._genai.GenerationFinishReason.LENGTH else "stop"
        elif len(job.tokens) > before and self._is_stopped(job, before):
            job.handle.cancel()
        elif before // _LOOK_EVERY < len(job.tokens) // _LOOK_EVERY and self._is_stuck(job.tokens):
            job.reason = "loop"
            job.handle.cancel()
        elif job.handle.get_status() == self._genai.GenerationStatus.IGNORED:
            job.future.set_running_or_notify_cancel()
            job.future.set_exception(PromptTooLongError("The prompt does not fit the memory of the embedded model."))
            return True
        else:
            return False
        # Read first: a future that runs can be given no failure of the engine any more.
        result = self._read_result(job)
        # False means that whoever asked has just gone.
        if job.future.set_running_or_notify_cancel():
            job.future.set_result(result)
        return True

    def _is_stopped(self, job: _Job, before: int) -> bool:
        # Not left to the engine: its sampling threads take the detokenizer from each other, and now and then one waits
        # for it for ever, with the interpreter's lock held.
        if not job.stop:
            return False
        # A stop text has no more tokens than bytes; the first token of a text may lose its space.
        tail = 1 + max(len(stop.encode()) for stop in job.stop)
        text = self._tokenizer.decode(job.tokens[max(0, before - tail) :])
        return any(stop in text for stop in job.stop)

    def _is_stuck(self, tokens: list[int]) -> bool:
        blank = len(tokens) >= _BLANK_TAIL and not self._tokenizer.decode(tokens[-_BLANK_TAIL:]).strip()
        return blank or is_looping(tokens)

    def _read_result(self, job: _Job) -> Generation:
        text = str(self._tokenizer.decode(job.tokens))
        ends = [place for place in (text.find(stop) for stop in job.stop if stop) if place >= 0]
        if ends:
            text = text[: min(ends)]
        return Generation(job.begun + text, job.reason, len(job.prompt), len(job.tokens))

    def _break_down(self, jobs: list[_Job], error: Exception) -> None:
        logging.getLogger(__name__).error("the embedded model %s broke down: %s", self._path, error)
        failure = ModelError(
            f"The embedded model {self._path} broke down while generating: {shorten(error)}. What was answered before"
            " is kept; run again to go on."
        )
        failure.__cause__ = error
        with self._guard:
            self._failure = failure
        self._fail_all(jobs, failure)

    def _fail_all(self, jobs: list[_Job], failure: ModelError) -> None:
        sent = [self._inbox.get() for _ in range(self._inbox.qsize())]
        for job in (*jobs, *self._waiting, *filter(None, sent)):
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(failure)


def _write_expression(options: GenerationOptions, is_begun: bool) -> tuple[str, str | None]:
    """What the answer begins with, as its schema leaves no choice, and the expression that the rest matches."""
    if options.json_schema is None:
        return "", None
    expression = to_regex(options.json_schema) if options.json_schema else write_any_object()
    # A stop text may stand in what would be split off.
    return ("", expression) if is_begun or options.stop else split_literal(expression)


_loaded: dict[tuple[Path, int], EmbeddedModel] = {}
_loading = threading.Lock()


def get_embedded_model(name: str, context_tokens: int) -> EmbeddedModel:
    """The model of a name, loaded once a process and again only if it broke down or was closed.

    Args:
        name: as for `resolve_gguf`.
        context_tokens: longest prompt and answer together, in tokens.

    Returns:
        The loaded model.

    Raises:
        ModelError: if it cannot be found or loaded.
    """
    with _loading:
        key = (resolve_gguf(name).resolve(), context_tokens)
        model = _loaded.get(key)
        if model is None or not model.usable:
            model = _loaded[key] = EmbeddedModel(*key)
            # A thread inside the engine while the interpreter goes down would take the process with it.
            atexit.register(model.close)
        return model
