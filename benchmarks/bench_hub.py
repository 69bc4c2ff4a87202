"""How fast the rule of the hub decides, and how much of that is preparation: synthetic personas, random vectors.

python -m benchmarks.bench_hub 2000 20000
"""

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from persona_assets.dedup.match import Thresholds
from persona_assets.dedup.minhash import choose_band_rows, hash_bands
from persona_assets.dedup.preparation import prepare_personas
from persona_assets.dedup.rule import Deduplicator
from persona_assets.embedding.encoder import Vectors

DIMENSION = 384
NEAR_SHARE = 0.1
WORDS = [f"{first}{second}" for first in ("ba", "de", "fi", "go", "lu", "ma") for second in map(str, range(400))]


@dataclass(frozen=True)
class RandomEncoder:
    """Reads every text and knows none: the vectors of two texts are next to orthogonal."""

    seed: int = 0
    identity: str = "random"
    dimension: int = DIMENSION

    def encode(self, texts: Sequence[str], *, alone: bool = False) -> Vectors:
        drawn = np.random.default_rng(self.seed).standard_normal((len(texts), DIMENSION), dtype=np.float32)
        vectors: Vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        return vectors

    def readable(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        return np.ones(len(texts), dtype=np.bool_)


def make_personas(number: int) -> pl.DataFrame:
    """Texts of 13 words; one in ten is an earlier one with a word more."""
    draw = random.Random(number)
    texts: list[str] = []
    for _ in range(number):
        is_near = bool(texts) and draw.random() < NEAR_SHARE
        texts.append(f"{draw.choice(texts)} {draw.choice(WORDS)}" if is_near else " ".join(draw.choices(WORDS, k=13)))
    return pl.DataFrame({"persona_id": [f"per_{row}" for row in range(number)], "persona": texts})


def measure(number: int) -> str:
    """Time one size, in CPU seconds, which neighbours disturb least; return a line of the table."""
    personas = make_personas(number)
    thresholds = Thresholds()
    start = time.process_time()
    batch = prepare_personas(personas, RandomEncoder(), thresholds.jaccard)
    prepared = time.process_time()
    verdicts = Deduplicator(thresholds).decide(batch)
    decided = time.process_time()
    hash_bands(batch.tokens, choose_band_rows(thresholds.jaccard))
    hashed = time.process_time() - decided
    total = decided - start
    kept = verdicts["kept_id"].null_count()
    parts = [prepared - start, hashed, decided - prepared]
    shares = " | ".join(f"{part:.2f} s ({part / total:.0%})" for part in parts)
    return f"| {number:,} | {kept:,} | {shares} | {total:.2f} s | {number / total:,.0f} |"


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="*", default=[2_000, 20_000])
    print("| personas | kept | preparation | of it MinHash | decision | all | personas/CPU s |\n" + "|---" * 7 + "|")
    measure(10)  # imports what is imported late
    for number in parser.parse_args().sizes:
        print(measure(number))


if __name__ == "__main__":
    main()
