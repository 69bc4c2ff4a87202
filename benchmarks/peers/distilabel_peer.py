"""distilabel: a pipeline of one TextGeneration step, whose batch is what it has in flight."""

import tempfile
from collections.abc import Callable

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration
from job import make_text, measure


def prepare(url: str, slots: int, calls: int) -> Callable[[], int]:
    """Build the pipeline."""
    with Pipeline(name="bench", cache_dir=tempfile.mkdtemp()) as pipeline:
        load = LoadDataFromDicts(data=[{"instruction": make_text(n)} for n in range(calls)], batch_size=slots)
        llm = OpenAILLM(
            model="double",
            base_url=url,
            api_key="none",
            generation_kwargs={"temperature": 0.7, "max_new_tokens": 200},
        )
        load >> TextGeneration(llm=llm, input_batch_size=slots)

    def run() -> int:
        rows = pipeline.run(use_cache=False)["default"]["train"]
        return sum(answer is not None for answer in rows["generation"])

    return run


if __name__ == "__main__":
    measure(prepare)
