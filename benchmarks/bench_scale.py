"""How the hub grows: shards of growing size into an empty hub, then one more into the largest.

python -m benchmarks.bench_scale 10000 100000 1000000 --more 100000 --plot docs/images/scale.png
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.dedup_personas import make_hub
from benchmarks.encoders import STATIC_FOLDER, make_settings
from benchmarks.published import Published
from benchmarks.static_model import distil
from persona_assets.dedup.hub import decide_shard
from persona_assets.embedding.cache import CachedEncoder, make_encoder, make_hub_encoder
from persona_assets.embedding.encoder import Encoder
from persona_assets.index.edge import EdgeIndex
from persona_assets.settings import load_settings

_COLUMNS = (
    *("new", "established", "kept", "seconds", "ms/row", "model", "cache", "index", "rest"),
    *("peak GB", "own GB", "disk GB"),
)


class Memory(threading.Thread):
    """Looks at this process's own memory ten times a second; what is mapped from the index's files is not its own."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0.0

    def run(self) -> None:
        while True:
            status = Path("/proc/self/status").read_text(encoding="utf-8")
            self.peak = max(self.peak, int(status.partition("RssAnon:")[2].split()[0]) / 1e6)
            time.sleep(0.1)


def watch(owner: type, name: str, kind: str, spent: Counter[str]) -> None:
    """Add the time of a method to a kind; what it calls of another kind is counted there alone."""
    original: Callable[..., Any] = getattr(owner, name)

    def timed(*arguments: Any, **options: Any) -> Any:
        before, start = spent.total(), time.perf_counter()
        try:
            return original(*arguments, **options)
        finally:
            spent[kind] += time.perf_counter() - start - (spent.total() - before)

    setattr(owner, name, timed)


def watch_scan(spent: Counter[str]) -> None:
    """The same for the generator that reads the index."""
    original = EdgeIndex.scan

    def timed(self: EdgeIndex, contributions: Sequence[str]) -> Any:
        parts = original(self, contributions)
        while True:
            start = time.perf_counter()
            part = next(parts, None)
            spent["index"] += time.perf_counter() - start
            if part is None:
                return
            yield part

    EdgeIndex.scan = timed  # type: ignore[method-assign]


def measure(sizes: Sequence[int], encoder_name: str) -> None:
    """Decide shards of these sizes one after the other into one hub, and print a JSON line for each."""
    memory = Memory()
    memory.start()
    spent: Counter[str] = Counter()
    watch(Encoder, "encode", "model", spent)
    watch(CachedEncoder, "encode", "cache", spent)
    for name in ("upsert", "keep_only", "delete", "_count", "_query", "flush"):
        watch(EdgeIndex, name, "index", spent)
    watch_scan(spent)
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(paths={"data": folder}, embedding=make_settings(encoder_name).model_dump())
        encoder, hub = make_hub_encoder(settings, make_encoder(settings)), Published()
        encoder.encode(["A nurse.", "A baker."])
        texts, start = make_hub(sum(sizes), sum(sizes) // 10), 0
        for number, size in enumerate(sizes):
            part = texts[start : start + size]
            columns = {"persona_id": [f"per_{start + row}" for row in range(size)], "persona": part}
            personas = pl.DataFrame(columns).with_columns(language=pl.lit("en"), round=0)
            spent.clear()
            began = time.perf_counter()
            with decide_shard(settings, f"s{number}", personas, encoder=encoder, published=hub) as decision:
                hub.found = [*hub.found, decision.contribution]
            seconds = time.perf_counter() - began
            figures = {
                "new": size,
                "established": sum(one.rows for one in hub.found[:-1]),
                "kept": decision.kept.height,
                "seconds": seconds,
                "ms/row": 1000 * seconds / size,
                **{kind: spent[kind] for kind in ("model", "cache", "index")},
                "rest": seconds - spent.total(),
                "peak GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
                "own GB": memory.peak,
                "disk GB": sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e9,
            }
            start += size
            print(json.dumps(figures), flush=True)


def run_apart(sizes: Sequence[int], encoder: str) -> list[dict[str, float]]:
    """Measure in a process of its own, so that its memory is its own."""
    command = [sys.executable, "-m", "benchmarks.bench_scale", *map(str, sizes), "--apart", "--encoder", encoder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def plot(rows: Sequence[dict[str, float]], path: Path) -> None:
    """Draw time, memory and disk over the number of personas."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3), layout="tight")
    titles = {
        "seconds": "seconds",
        "ms/row": "milliseconds a persona",
        "peak GB": "peak memory, GB",
        "disk GB": "disk, GB",
    }
    for axes, (name, title) in zip(figure.subplots(1, len(titles)), titles.items(), strict=True):
        axes.plot([row["new"] for row in rows], [row[name] for row in rows], "o-", color="#3b6ea5")
        axes.set_xscale("log")
        axes.set_yscale("linear" if name == "ms/row" else "log")
        if name == "ms/row":
            axes.set_ylim(bottom=0)
        axes.set_title(title, fontsize="small")
        axes.set_xlabel("personas in one shard", fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="+")
    parser.add_argument("--more", type=int, help="one more shard, after the largest")
    parser.add_argument("--encoder", default="minilm", help="minilm, minilm-torch, static, or proposed-minilm")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--apart", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    distil(Path(STATIC_FOLDER))
    if options.apart:
        measure(options.sizes, options.encoder)
        return
    print("| " + " | ".join(_COLUMNS) + " |\n" + "|---" * len(_COLUMNS) + "|", flush=True)
    first: list[dict[str, float]] = []
    for size in options.sizes:
        more = [options.more] if options.more and size == max(options.sizes) else []
        rows = run_apart([size, *more], options.encoder)
        first.append(rows[0])
        for row in rows:
            print("| " + " | ".join(_show(name, row[name]) for name in _COLUMNS) + " |", flush=True)
    if options.plot:
        plot(first, options.plot)


def _show(name: str, value: float) -> str:
    if name in ("new", "established", "kept"):
        return f"{value:,.0f}"
    return f"{value:,.2f}" if name in ("ms/row", "peak GB", "own GB", "disk GB") else f"{value:,.1f} s"


if __name__ == "__main__":
    main()
