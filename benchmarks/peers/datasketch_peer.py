"""datasketch: MinHash in bulk and its LSH, as its documentation has it; greedy in the texts' order."""

from collections.abc import Sequence

from datasketch import MinHash, MinHashLSH
from dedup_job import Deduplicate, measure


def prepare(model: str) -> Deduplicate:
    """Nothing to load."""

    def run(texts: Sequence[str]) -> Sequence[int]:
        hashes = MinHash.bulk([[word.encode() for word in text.split()] for text in texts], num_perm=128)
        lsh, kept = MinHashLSH(threshold=0.9, num_perm=128), []
        for row, one in enumerate(hashes):
            if not lsh.query(one):
                lsh.insert(row, one)
                kept.append(row)
        return kept

    return run


if __name__ == "__main__":
    measure(prepare)
