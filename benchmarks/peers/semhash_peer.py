"""SemHash as its README has it, with the encoder that the comparison is about."""

from collections.abc import Sequence

from dedup_job import Deduplicate, measure
from semhash import SemHash

from benchmarks.encoders import open_encoder


def prepare(model: str) -> Deduplicate:
    """Load the model."""
    encoder = open_encoder(model)

    def run(texts: Sequence[str]) -> Sequence[int]:
        records = [{"text": text, "row": str(row)} for row, text in enumerate(texts)]
        index = SemHash.from_records(records, columns=["text"], model=encoder)
        return [int(record["row"]) for record in index.self_deduplicate(threshold=0.9).selected]

    return run


if __name__ == "__main__":
    measure(prepare)
