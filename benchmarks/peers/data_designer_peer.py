"""NVIDIA's data-designer: one text column over a seed data set."""

import tempfile
from collections.abc import Callable

import data_designer.config as dd
import pandas as pd
from data_designer.interface import DataDesigner
from job import make_text, measure


def prepare(url: str, slots: int, calls: int) -> Callable[[], int]:
    """Build the configuration."""
    provider = dd.ModelProvider(name="local", endpoint=url, provider_type="openai", api_key="none")
    parameters = dd.ChatCompletionInferenceParams(temperature=0.7, max_tokens=200, max_parallel_requests=slots)
    model = dd.ModelConfig(
        alias="double", model="double", provider="local", inference_parameters=parameters, skip_health_check=True
    )
    builder = dd.DataDesignerConfigBuilder([model])
    texts = pd.DataFrame({"text": [make_text(n) for n in range(calls)]})
    builder.with_seed_dataset(dd.DataFrameSeedSource(df=texts))
    builder.add_column(dd.LLMTextColumnConfig(name="answer", prompt="{{ text }}", model_alias="double"))
    designer = DataDesigner(tempfile.mkdtemp(), model_providers=[provider])

    def run() -> int:
        rows = designer.create(builder, num_records=calls).load_dataset()
        return int(rows["answer"].notna().sum())

    return run


if __name__ == "__main__":
    measure(prepare)
