"""The engine of the embedded model, openvino-genai: how it is loaded, and told what to generate."""

import random
from pathlib import Path
from typing import Any

from persona_assets.errors import ModelError
from persona_assets.llm.generation import GenerationOptions, InvalidRequestError
from persona_assets.llm.gguf_header import GgufHeader

# Above 32 the 2-core throughput hardly grows, while each sequence takes its share of the cache.
_MOST_SEQUENCES = 64
_MOST_TOKENS_A_STEP = 1_024
# Measured on two cores: 16-bit keys and values are read half again as fast as the engine's default of 8 bits.
_CACHE_FORMAT = {"KV_CACHE_PRECISION": "f16"}
_CACHE_BYTES_A_VALUE = 2


def load_pipeline(path: Path, header: GgufHeader, context_tokens: int) -> tuple[Any, Any]:
    """Load a model, which takes some seconds.

    Args:
        path: the GGUF file.
        header: of the file.
        context_tokens: longest prompt and answer together, in tokens.

    Returns:
        The engine's library, and its pipeline of many requests at once.

    Raises:
        ModelError: if the engine is not installed or cannot load the file.
    """
    openvino_genai = _import_engine()
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.max_num_seqs = _MOST_SEQUENCES
    scheduler.max_num_batched_tokens = _MOST_TOKENS_A_STEP
    scheduler.cache_size = _plan_cache(header, context_tokens)
    # The demonstrations of a prompt are computed once for all its rows.
    scheduler.enable_prefix_caching = True
    try:
        return openvino_genai, openvino_genai.ContinuousBatchingPipeline(str(path), scheduler, "CPU", _CACHE_FORMAT)
    except (RuntimeError, LookupError, ValueError) as error:
        raise ModelError(
            f"model.name: the embedded engine cannot load {path}: {shorten(error)}. It runs models of the Llama and"
            " Qwen families; serve others by Ollama or vLLM and name them ollama_chat/NAME or hosted_vllm/NAME."
        ) from error


def load_engine_tokenizer(path: Path) -> Any:
    """Load the tokenizer of a GGUF file alone.

    Raises:
        ModelError: if the engine is not installed or cannot read the file.
    """
    try:
        return _import_engine().Tokenizer(str(path))
    except (RuntimeError, LookupError, ValueError) as error:
        raise ModelError(f"tokenizer: the embedded engine cannot read {path}: {shorten(error)}.") from error


def _import_engine() -> Any:
    try:
        import openvino_genai
    except ImportError as error:
        raise ModelError(
            f"model.name, or tokenizer of a mix: an embedded model needs openvino-genai ({error}). Run: pip install"
            " 'persona-assets[embedded]'"
        ) from error
    return openvino_genai


def configure(genai: Any, tokenizer: Any, options: GenerationOptions, expression: str | None) -> Any:
    """Write the engine's configuration of one answer.

    Args:
        genai: the engine's library.
        tokenizer: of the model.
        options: how the answer is drawn.
        expression: the regular expression that it follows; None for free text.

    Returns:
        The configuration.

    Raises:
        InvalidRequestError: if an option is out of range.
    """
    config = genai.GenerationConfig()
    config.max_new_tokens = options.max_tokens
    config.apply_chat_template = False
    config.set_eos_token_id(tokenizer.get_eos_token_id())
    config.repetition_penalty = options.repetition_penalty
    if options.temperature > 0:
        config.do_sample = True
        config.temperature = options.temperature
        config.top_p = options.top_p
        config.rng_seed = random.getrandbits(31) if options.seed is None else options.seed
    if expression is not None:
        config.structured_output_config = genai.StructuredOutputConfig()
        config.structured_output_config.regex = expression
    try:
        config.validate()
    except RuntimeError as error:
        raise InvalidRequestError(f"The embedded engine does not take {options}: {shorten(error)}.") from error
    return config


def _plan_cache(header: GgufHeader, context_tokens: int) -> int:
    """Gigabytes of cache: one, or as many as two whole contexts need."""
    needed = 2 * context_tokens * header.count_cache_values() * _CACHE_BYTES_A_VALUE
    return max(1, -(-needed // 2**30))


def shorten(error: Exception) -> str:
    """The end of an engine's message, in one line."""
    return " ".join(str(error).split())[-300:].rstrip(".")
