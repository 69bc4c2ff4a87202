"""distilabel: its MinHashDedup step by itself, character n-grams as tokens (words need a download)."""

from collections.abc import Sequence

from dedup_job import Deduplicate, measure
from distilabel.steps import MinHashDedup


def prepare(model: str) -> Deduplicate:
    """Load the step."""
    step = MinHashDedup(tokenizer="ngrams", n=5, threshold=0.9, storage="dict")
    step.load()

    def run(texts: Sequence[str]) -> Sequence[int]:
        kept = []
        for rows in step.process([{"text": text, "row": row} for row, text in enumerate(texts)]):
            kept += [row["row"] for row in rows if row["keep_row_after_minhash_filtering"]]
        return kept

    return run


if __name__ == "__main__":
    measure(prepare)
