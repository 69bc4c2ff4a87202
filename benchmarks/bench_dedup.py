"""Deduplication beside other tools, in one run: rows a second, memory, recall and precision.

make bench-dedup-peers                                     # once: environments of their own for the peers
python -m benchmarks.bench_dedup --labelled                # the labelled pairs, by kind of change
python -m benchmarks.bench_dedup --rows 100000             # a hub with planted copies
python -m benchmarks.bench_dedup --rows 1000000 --minutes 15 --tools "ours, static" "SemHash, static" datasketch rensa
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import bench_routing
from benchmarks.dedup_personas import Pair, make_hub, make_pairs
from benchmarks.encoders import STATIC_FOLDER, make_settings
from benchmarks.static_model import distil
from persona_assets.dedup.text import jaccard, normalise, tokenise
from persona_assets.embedding.encoder import Encoder, Vectors
from persona_assets.embedding.near_pairs import Rows

THRESHOLD = 0.9
_HERE = Path(__file__).parent
_BLOCK = 2_048
_PLAIN_ROWS = 200_000
"""Above this the pairs are found by shortened vectors first, which loses none (`NearPairs`)."""
_FREE_BYTES = 2 * 2**30


def load_known(folder: Path) -> list[Pair]:
    """Pairs that others labelled: articles with ten near-duplicates, and PAWS, whose words are nearly the same."""
    lines = gzip.decompress((folder / "minhash_articles_1000.train.gz").read_bytes()).decode().splitlines()
    articles = dict(line.split(" ", 1) for line in lines if " " in line)
    truth = (line.split() for line in (folder / "minhash_articles_1000.truth").read_text().splitlines())
    pairs = [Pair("articles", articles[first], articles[second], is_same=True) for first, second in truth]
    for line in (folder / "paws_sample.jsonl").read_text().splitlines():
        row = json.loads(line)
        kind = "PAWS, paraphrase" if row["label"] else "PAWS, other meaning"
        pairs.append(Pair(kind, row["s1"], row["s2"], is_same=bool(row["label"])))
    return pairs


@dataclass(frozen=True)
class Tool:
    """A tool with the encoder that it is given."""

    name: str
    script: str
    environment: str
    encoder: str = "none"


TOOLS = (
    Tool("ours, static", "ours", ".venv", "static"),
    Tool("SemHash, static", "semhash", ".bench/dedup", "static"),
    Tool("ours, MiniLM", "ours", ".venv", "minilm"),
    Tool("ours, MiniLM, static proposer", "ours", ".venv", "proposed-minilm"),
    Tool("SemHash, MiniLM by our encoder", "semhash", ".bench/dedup", "minilm"),
    Tool("SemHash, MiniLM by sentence-transformers", "semhash", ".bench/dedup", "minilm-torch"),
    Tool("ours, MiniLM by sentence-transformers, static proposer", "ours", ".venv", "proposed-minilm-torch"),
    Tool("datasketch", "datasketch", ".venv"),
    Tool("rensa", "rensa", ".bench/dedup"),
    Tool("text-dedup", "text_dedup", ".bench/dedup"),
    Tool("distilabel", "distilabel_dedup", ".bench/distilabel"),
)


@dataclass(frozen=True)
class Result:
    """What a tool did: which rows it kept, in how many seconds, with how many MB."""

    kept: frozenset[int]
    seconds: float
    peak: float


class UnfinishedError(Exception):
    """A tool did not come to its end, for want of time or memory."""


def run_tool(tool: Tool, texts: Sequence[str], seconds: float | None = None) -> Result:
    """Give the texts to a tool in a process of its own, and all of the machine's memory but two gigabytes."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "texts.jsonl"), Path(folder, "kept.json")
        source.write_text("\n".join(map(json.dumps, texts)))
        main = next(Path(".venv/lib").glob("python*/site-packages"))
        # Another tool's own libraries come first; the encoder is the project's.
        search = [str(_HERE / "peers"), ".", *([str(main.resolve())] if tool.script == "semhash" else [])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(search), "HF_HUB_OFFLINE": "1"}
        environment["TMPDIR"] = folder  # whatever a tool leaves there goes with it
        script = str(_HERE / "peers" / f"{tool.script}_peer.py")
        command = [f"{tool.environment}/bin/python", script, str(source), str(target), tool.encoder]
        try:
            done = subprocess.run(
                command,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
                preexec_fn=limit_memory,
            )
        except subprocess.TimeoutExpired as error:
            raise UnfinishedError(f"not within {error.timeout:,.0f} s") from error
        if "MemoryError" in done.stderr:
            raise UnfinishedError("not within the machine's memory")
        if done.returncode:
            raise SystemExit(f"{tool.name} failed:\n{done.stderr[-2000:]}")
        figures = json.loads(done.stdout.strip().splitlines()[-1])
        return Result(frozenset(json.loads(target.read_text())), figures["seconds"], figures["peak"])


def limit_memory() -> None:
    """Let this process have what the machine has, so that a tool that wants more fails, and not its neighbours."""
    limit = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") - _FREE_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def print_labelled(tools: Sequence[Tool], pairs: Sequence[Pair]) -> None:
    """For each kind of pair: the share whose second text was dropped."""
    kinds = list(dict.fromkeys(pair.kind for pair in pairs))
    print("| tool | " + " | ".join(kinds) + " | recall | precision |\n" + "|---" * (len(kinds) + 3) + "|")
    for tool in tools:
        kept = run_tool(tool, [*(pair.first for pair in pairs), *(pair.second for pair in pairs)]).kept
        dropped = [row + len(pairs) not in kept for row in range(len(pairs))]
        shares = [_share(pairs, dropped, kind) for kind in kinds]
        right = sum(pair.is_same for pair, flag in zip(pairs, dropped, strict=True) if flag)
        recall, precision = right / sum(pair.is_same for pair in pairs), right / max(1, sum(dropped))
        print(
            f"| {tool.name} | "
            + " | ".join(f"{share:.0%}" for share in shares)
            + f" | {recall:.0%} | {precision:.0%} |"
        )


def _share(pairs: Sequence[Pair], dropped: Sequence[bool], kind: str) -> float:
    flags = [flag for pair, flag in zip(pairs, dropped, strict=True) if pair.kind == kind]
    return sum(flags) / len(flags)


def print_hub(tools: Sequence[Tool], rows: int, file: Path | None, seconds: float | None) -> None:
    """For each tool: speed, memory, and what it kept against the rule and against exact search."""
    texts = make_hub(rows, rows // 10, file=file)
    print(f"{rows:,} personas, {rows // 10:,} of them planted copies, threshold {THRESHOLD}.\n")
    print(
        "| tool | kept | seconds | rows/s | peak MB | recall | precision | pairs left that the rule forbids |\n"
        + "|---" * 8
        + "|"
    )
    pairs: dict[str, tuple[Rows, Rows]] = {}
    for tool in tools:
        try:
            result = run_tool(tool, texts, seconds)
        except UnfinishedError as error:
            print(f"| {tool.name} | | {error} | | | | | |", flush=True)
            continue
        quality = ""
        if tool.encoder != "none":
            model = tool.encoder.removeprefix("proposed-").removesuffix("-torch")
            if model not in pairs:
                find = find_pairs if rows <= _PLAIN_ROWS else bench_routing.find_pairs
                pairs[model] = find(Encoder(make_settings(model)).encode(texts))
            quality = measure_quality(texts, *pairs[model], result.kept)
        line = f"| {tool.name} | {len(result.kept):,} | {result.seconds:.1f} | {rows / result.seconds:,.0f}"
        print(f"{line} | {result.peak:,.0f} |{quality or ' | | |'}", flush=True)


def measure_quality(texts: Sequence[str], left: Rows, right: Rows, kept: frozenset[int]) -> str:
    """Compare with exact search: every pair at or above the threshold, the later row on the left.

    Recall: of the rows that exact search, row by row in order, would drop, the share that is gone or whose kept
    partner is. Precision: of the rows dropped, the share that has a kept one at or above a threshold of the rule.
    """
    is_kept = np.zeros(len(texts), dtype=np.bool_)
    is_kept[list(kept)] = True
    both = is_kept[left] & is_kept[right]
    involved = np.unique(left).size
    missed = np.unique(left[both]).size
    explained = set(left[~is_kept[left] & is_kept[right]].tolist()) | set(
        right[~is_kept[right] & is_kept[left]].tolist()
    )
    dropped = np.flatnonzero(~is_kept).tolist()
    unexplained = [row for row in dropped if row not in explained]
    wrong = len(unexplained) - count_lexical(texts, unexplained, is_kept)
    recall, precision = 1 - missed / max(1, involved), 1 - wrong / max(1, len(dropped))
    return f" {recall:.2%} | {precision:.2%} | {int(both.sum()):,} |"


def find_pairs(vectors: Vectors) -> tuple[Rows, Rows]:
    """Every pair at or above the threshold, the later row first, by plain products."""
    lefts, rights = [], []
    for start in range(0, len(vectors), _BLOCK):
        products = vectors[start : start + _BLOCK] @ vectors[: start + _BLOCK].T
        left, right = np.nonzero(products >= THRESHOLD)
        below = right < left + start
        lefts.append(left[below] + start)
        rights.append(right[below])
    return np.concatenate(lefts), np.concatenate(rights)


def count_lexical(texts: Sequence[str], rows: Sequence[int], is_kept: np.ndarray) -> int:
    """How many of the rows have a kept text of the same tokens, but for a tenth."""
    tokens = [tokenise(normalise(text)) for text in texts]
    by_token: dict[str, set[int]] = {}
    for row in np.flatnonzero(is_kept).tolist():
        for token in tokens[row]:
            by_token.setdefault(token, set()).add(row)
    found = 0
    for row in rows:
        rare = sorted(tokens[row], key=lambda token: len(by_token.get(token, ())))[: len(tokens[row]) // 10 + 1]
        near = {other for token in rare for other in by_token.get(token, ())}
        found += any(jaccard(tokens[row], tokens[other]) >= THRESHOLD for other in near)
    return found


def main() -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labelled", action="store_true", help="the labelled pairs")
    parser.add_argument("--known", type=Path, help="a folder with minhash_articles_1000 and paws_sample")
    parser.add_argument("--each", type=int, default=100, help="pairs of each kind that a rule makes")
    parser.add_argument("--rows", type=int, nargs="*", default=[], help="sizes of hubs")
    parser.add_argument("--personas", type=Path, help="JSON lines with `persona`, crossed; default: word lists")
    parser.add_argument("--tools", nargs="*", default=[], help="only tools whose name contains one of these")
    parser.add_argument("--minutes", type=float, help="for each tool and hub; default: as long as it takes")
    options = parser.parse_args()
    distil(Path(STATIC_FOLDER))
    tools = [tool for tool in TOOLS if not options.tools or any(part in tool.name for part in options.tools)]
    if options.labelled:
        print_labelled(tools, make_pairs(options.each))
    if options.known:
        print_labelled(tools, load_known(options.known))
    for rows in options.rows:
        print_hub(tools, rows, options.personas, options.minutes and 60 * options.minutes)
    if not (options.labelled or options.known or options.rows):
        sys.exit("Name what to measure: --labelled, --rows 100000")


if __name__ == "__main__":
    main()
