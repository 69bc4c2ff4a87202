"""bespokelabs-curator: an LLM class with its OpenAI backend, and limits that nothing reaches."""

import os
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Tokens are counted with a file that tiktoken downloads, and that litellm, which curator needs, has with it.
_TOKENIZERS = Path(str(find_spec("litellm").submodule_search_locations[0]), "litellm_core_utils", "tokenizers")  # type: ignore[union-attr,index]
os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(_TOKENIZERS))
os.environ |= {"CURATOR_CACHE_DIR": tempfile.mkdtemp(), "CURATOR_DISABLE_CACHE": "true", "TELEMETRY_ENABLED": "false"}

from bespokelabs import curator  # noqa: E402
from datasets import Dataset  # noqa: E402
from job import make_text, measure  # noqa: E402


class Describer(curator.LLM):
    """Asks each row's text."""

    def prompt(self, row: dict[str, Any]) -> str:
        """What is asked."""
        return str(row["text"])

    def parse(self, row: dict[str, Any], response: str) -> dict[str, Any]:
        """What becomes of the answer."""
        return {"text": row["text"], "answer": response}


def prepare(url: str, slots: int, calls: int) -> Callable[[], int]:
    """Set up the class."""
    llm = Describer(
        model_name="double",
        backend="openai",
        generation_params={"temperature": 0.7, "max_tokens": 200},
        backend_params={
            "base_url": url,
            "api_key": "none",
            "max_requests_per_minute": 10_000_000,
            "max_tokens_per_minute": 10_000_000_000,
            "max_concurrent_requests": slots,
        },
    )
    rows = Dataset.from_list([{"text": make_text(n)} for n in range(calls)])
    return lambda: len(llm(rows).dataset)


if __name__ == "__main__":
    measure(prepare)
