"""rensa: its MinHash in Rust and its LSH, greedy in the texts' order."""

from collections.abc import Sequence

from dedup_job import Deduplicate, measure
from rensa import RMinHash, RMinHashLSH


def prepare(model: str) -> Deduplicate:
    """Nothing to load."""

    def run(texts: Sequence[str]) -> Sequence[int]:
        hashes = RMinHash.from_token_sets([text.split() for text in texts], num_perm=128, seed=42)
        lsh, kept = RMinHashLSH(threshold=0.9, num_perm=128, num_bands=16), []
        for row, one in enumerate(hashes):
            if not any(one.jaccard(hashes[other]) >= 0.9 for other in lsh.query(one)):
                lsh.insert(row, one)
                kept.append(row)
        return kept

    return run


if __name__ == "__main__":
    measure(prepare)
