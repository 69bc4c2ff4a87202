"""What it costs to decide shards in parallel, when personas are routed to parts of the index by coarse cluster.

Each part of the index has a writer of its own. A persona belongs to the part whose centre is nearest; it is compared
with the personas of that part and, where more parts are read, with those of the next nearest ones. Two personas above
the threshold in parts that do not see each other both stay: a violation of the rule. Counted over all pairs, found
exactly.

python -m benchmarks.bench_routing 1000000 --encoder static
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.dedup_personas import make_hub
from benchmarks.encoders import STATIC_FOLDER, make_settings
from benchmarks.static_model import distil
from persona_assets.embedding.encoder import Encoder
from persona_assets.embedding.near_pairs import MARGIN, NearPairs, Rows, Vectors, compare_rows

THRESHOLD = 0.9
_BLOCK = 65_536
_TRAINED_ON = 100_000


def find_pairs(vectors: Vectors) -> tuple[Rows, Rows]:
    """Every pair at or above the threshold: the later and the earlier row, ordered by the later."""
    pairs = NearPairs(THRESHOLD - MARGIN)
    pairs.fit(vectors)
    short = pairs.shorten(vectors)
    later, earlier = [], []
    for start in range(0, len(vectors), _BLOCK):
        stop = start + _BLOCK
        rows, places = pairs.find_candidates(short[start:stop], short[:stop])
        rows += start
        below = places < rows
        rows, places = rows[below], places[below]
        above = compare_rows(vectors, rows, vectors, places) >= THRESHOLD
        later.append(rows[above])
        earlier.append(places[above])
    rows, places = np.concatenate(later), np.concatenate(earlier)
    order = np.lexsort((places, rows))
    return rows[order], places[order]


def route(vectors: Vectors, parts: int, read: int) -> Rows:
    """The nearest parts of each persona, nearest first, by centres learned on the first personas."""
    from sklearn.cluster import MiniBatchKMeans

    centres = (
        MiniBatchKMeans(parts, batch_size=10_000, n_init=1, random_state=0).fit(vectors[:_TRAINED_ON]).cluster_centers_
    )
    centres = (centres / np.linalg.norm(centres, axis=1, keepdims=True)).astype(np.float32)
    blocks = (vectors[start : start + _BLOCK] for start in range(0, len(vectors), _BLOCK))
    return np.concatenate([np.argsort(-(block @ centres.T), axis=1)[:, :read] for block in blocks])


def decide(n: int, later: Rows, earlier: Rows, is_seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which personas are kept when only some pairs are seen."""
    is_kept = np.ones(n, dtype=np.bool_)
    for row, other in zip(later[is_seen].tolist(), earlier[is_seen].tolist(), strict=True):
        if is_kept[other]:
            is_kept[row] = False
    return is_kept


def measure(vectors: Vectors, parts: Sequence[int], reads: Sequence[int]) -> None:
    """Print a table."""
    later, earlier = find_pairs(vectors)
    exact = decide(len(vectors), later, earlier, np.ones(len(later), dtype=np.bool_))
    print(
        f"{len(vectors):,} personas, {len(later):,} pairs at or above {THRESHOLD}, {exact.sum():,} kept by the rule.\n"
    )
    print("| parts | read by each persona | largest part | kept | violations | of 10,000 kept |\n" + "|---" * 6 + "|")
    for number in parts:
        nearest = route(vectors, number, max(reads))
        largest = np.bincount(nearest[:, 0]).max() / len(vectors)
        for read in reads:
            is_seen = (nearest[later, :read] == nearest[earlier, :1]).any(axis=1)
            kept = decide(len(vectors), later, earlier, is_seen)
            violations = int((kept[later] & kept[earlier]).sum())
            rate = 10_000 * violations / kept.sum()
            print(f"| {number} | {read} | {largest:.1%} | {kept.sum():,} | {violations:,} | {rate:.2f} |", flush=True)


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int)
    parser.add_argument("--encoder", default="static", help="minilm or static")
    parser.add_argument("--parts", type=int, nargs="*", default=[8, 64, 512])
    parser.add_argument("--reads", type=int, nargs="*", default=[1, 2, 4, 8])
    options = parser.parse_args()
    distil(Path(STATIC_FOLDER))
    texts = make_hub(options.rows, options.rows // 10)
    encoder = Encoder(make_settings(options.encoder))
    blocks = (texts[start : start + _BLOCK] for start in range(0, len(texts), _BLOCK))
    measure(np.concatenate([encoder.encode(block) for block in blocks]), options.parts, options.reads)


if __name__ == "__main__":
    main()
