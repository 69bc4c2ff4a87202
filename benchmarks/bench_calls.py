"""Calls of a model: how many a second, how busy the slots, at what cost of processor and memory.

Each client runs in a process of its own against one local server of fixed latency, one after the other in one run,
so that their ratios hold on a busy machine too. The slot share is calls x latency / (slots x wall time).

python -m benchmarks.bench_calls            # 256 slots of 200 ms, 512 slots of 1 s
python -m benchmarks.bench_calls --full     # all slots and latencies, and memory
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.peers.job import make_text

PEERS = ("distilabel", "data-designer", "curator")
PEER_FOLDER = Path(os.environ.get("BENCH_PEERS", ".bench"))
"""Holds a virtual environment of each peer's name: they do not go together in one. `make bench-peers` makes it."""
CLIENTS = ("aiohttp", "litellm", "ours")
BUSY_SECONDS = 16
FEWEST_ROUNDS = 8
"""Rounds of all slots in a measurement, so that connecting does not count."""
SLOW_CALLS = 2_000
"""Of clients that take milliseconds of processor a call."""


async def drive(work: Any, slots: int, calls: int) -> None:
    """Keep as many calls going as there are slots."""
    numbers = iter(range(calls))

    async def take() -> None:
        for number in numbers:
            await work(number)

    await asyncio.gather(*(take() for _ in range(slots)))


async def run_aiohttp(url: str, slots: int, calls: int) -> None:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=slots)) as session:

        async def ask(number: int) -> None:
            messages = [{"role": "user", "content": make_text(number)}]
            body = {"model": "double", "messages": messages, "temperature": 0.7, "max_tokens": 200}
            async with session.post(f"{url}/chat/completions", json=body) as response:
                assert (await response.json())["choices"][0]["message"]["content"]

        await ask(-1)
        print(json.dumps(await measure(drive(ask, slots, calls), calls)))


async def run_litellm(url: str, slots: int, calls: int) -> None:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm

    async def ask(number: int) -> None:
        messages = [{"role": "user", "content": make_text(number)}]
        answer = await litellm.acompletion(
            "hosted_vllm/double", messages, api_base=url, temperature=0.7, max_tokens=200, num_retries=0
        )
        assert answer.choices[0].message.content

    await ask(-1)
    print(json.dumps(await measure(drive(ask, slots, calls), calls)))


async def run_ours(url: str, slots: int, calls: int) -> None:
    """As an asset asks: a stream of tasks, the client, the ledger on disk, replies in order; judging is left out."""
    from persona_assets.llm.client import ModelClient, Usage
    from persona_assets.llm.ledger import Ledger
    from persona_assets.llm.outcomes import Outcome, Task
    from persona_assets.llm.request import ChatRequest
    from persona_assets.llm.tasks import run_tasks
    from persona_assets.settings import ModelSettings

    def make_tasks() -> Iterator[Task[None]]:
        for number in range(calls):
            messages = [{"role": "user", "content": make_text(number)}]
            yield Task(str(number), ChatRequest("hosted_vllm/double", messages, 0.7, 200, task="bench"), None)

    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as folder:
        ledger = Ledger.at(Path(folder) / "ledger.sqlite")
        settings = ModelSettings(name="hosted_vllm/double", api_base=url, max_concurrency=slots)
        client = ModelClient(settings, ledger, Usage())

        async def work(task: Task[None]) -> Outcome[None]:
            reply = await client.ask(task.request)
            return Outcome(task, {"text": reply.text})

        async def read() -> None:
            outcomes: AsyncIterator[Outcome[None]] = run_tasks(make_tasks(), work, 4 * slots)
            async for outcome in outcomes:
                assert outcome.values
                assert outcome.values["text"]

        await client.ask(ChatRequest("hosted_vllm/double", [{"role": "user", "content": "warm"}], 0.7, 200))
        figures = await measure(read(), calls)
        assert client.usage.calls == calls + 1
        await client.close()
        ledger.close()
        print(json.dumps({**figures, "ledger": (Path(folder) / "ledger.sqlite").stat().st_size / calls}))


async def measure(work: Any, calls: int) -> dict[str, Any]:
    """Measure wall and processor time of some work, and the peak memory of this process."""
    wall, processor = time.perf_counter(), time.process_time()
    await work
    return {
        "calls": calls,
        "seconds": time.perf_counter() - wall,
        "processor": time.process_time() - processor,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "litellm": "litellm" in sys.modules,
    }


@contextmanager
def serve(seconds: float) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.fixed_server", "0", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        finally:
            server.kill()


def run_client(client: str, url: str, slots: int, calls: int) -> dict[str, Any]:
    if client in PEERS:
        script = Path(__file__).parent / "peers" / f"{client.replace('-', '_')}_peer.py"
        command = [str(find_interpreter(client)), str(script), url, str(slots), str(calls)]
    else:
        command = [sys.executable, "-m", "benchmarks.bench_calls", "--client", client, url, str(slots), str(calls)]
    with tempfile.TemporaryFile("w+") as log:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, text=True, check=False)
        if done.returncode:
            log.seek(0)
            raise SystemExit(f"{client} failed:\n{log.read()[-3_000:]}")
    # Peers print about themselves before.
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def find_interpreter(peer: str) -> Path:
    """The Python of a peer's environment, whether or not it is there."""
    return (PEER_FOLDER / peer / "bin" / "python").absolute()


def choose_calls(client: str, slots: int, seconds: float, calls: int | None) -> int:
    number = calls or max(int(BUSY_SECONDS * slots / seconds), FEWEST_ROUNDS * slots)
    return min(number, 20_000) if client in {"aiohttp", "ours"} else min(number, max(SLOW_CALLS, 4 * slots))


def compare(cases: Sequence[tuple[int, float]], calls: int | None) -> None:
    print("| slots | latency | client | calls | calls/s | slot share | of aiohttp's | processor ms/call | peak MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for slots, seconds in cases:
        bare = 0.0
        for client in (*CLIENTS, *(peer for peer in PEERS if find_interpreter(peer).exists())):
            with serve(seconds) as url:
                figures = run_client(client, url, slots, choose_calls(client, slots, seconds, calls))
            rate = figures["calls"] / figures["seconds"]
            share = rate * seconds / slots
            bare = bare or share
            print(
                f"| {slots} | {seconds * 1000:.0f} ms | {client} | {figures['calls']:,} | {rate:,.0f} | {share:.1%} |"
                f" {share / bare:.1%} | {figures['processor'] / figures['calls'] * 1000:.2f} | {figures['peak']:.0f} |",
                flush=True,
            )


def compare_memory() -> None:
    print("\n| rows | peak MB | calls/s | ledger, bytes/response |\n|---|---|---|---|")
    for rows in (10_000, 100_000):
        with serve(0.05) as url:
            figures = run_client("ours", url, 256, rows)
        rate = rows / figures["seconds"]
        print(f"| {rows:,} | {figures['peak']:.0f} | {rate:,.0f} | {figures['ledger']:,.0f} |", flush=True)


def report_missing() -> None:
    missing = [peer for peer in PEERS if not find_interpreter(peer).exists()]
    if missing:
        print(f"\nNot installed in {PEER_FOLDER}, skipped: {', '.join(missing)}. `make bench-peers` installs them.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="all slots and latencies, and memory")
    parser.add_argument("--memory", action="store_true", help="memory and size of the ledger alone")
    parser.add_argument(
        "--case", nargs=2, action="append", metavar=("SLOTS", "SECONDS"), help="one case; repeat for more"
    )
    parser.add_argument("--calls", type=int, help="calls of each measurement")
    parser.add_argument("--client", nargs=4, metavar=("CLIENT", "URL", "SLOTS", "CALLS"), help="measure one, alone")
    arguments = parser.parse_args()
    if arguments.client:
        from persona_assets.llm.event_loop import run_loop

        name, url, slots, calls = arguments.client
        clients = {"aiohttp": run_aiohttp, "litellm": run_litellm, "ours": run_ours}
        run = run_loop if name == "ours" else asyncio.run
        run(clients[name](url, int(slots), int(calls)))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start.\n")
    cases = list(product((64, 256, 512), (0.05, 0.2, 1.0))) if arguments.full else [(256, 0.2), (512, 1.0)]
    if arguments.case:
        cases = [(int(slots), float(seconds)) for slots, seconds in arguments.case]
    if not arguments.memory:
        compare(cases, arguments.calls)
    if arguments.full or arguments.memory:
        compare_memory()
    report_missing()


if __name__ == "__main__":
    main()
