"""The solo engine: commits against whole-JWS checks, latency, size, memory."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from harness import OUT, Figure, interleave, jws_checks

from node.config import load_config
from node.demo.home import create_demo_home
from node.demo.load import feed, read_load, write_load
from node.wiring import Node, system_time

_UNDER_WAY = 24_000
_SECONDS = 3.0


def commit(count: int, rounds: int, *, name: str = "solo.commit") -> tuple[list[Figure], Path]:
    """``solo.commit`` from an empty ledger, ``rounds`` parts of ``count`` transactions each, with
    the checks measured between them; latency and disk with it.

    Returns:
        The figures, and the home of the node.
    """
    home = OUT / "bench" / name
    shutil.rmtree(home, ignore_errors=True)
    made = create_demo_home(home / "node", system_time)
    load = home / "load.bin"
    total = write_load(load, home / "members", seed=2026, count=count * rounds)
    sample = next(iter(read_load(load)))
    keys = {key.kid: key.jwk for key in made.keys.values()}
    node = Node(load_config(home / "node"))
    node.start()
    told: Counter[str] = Counter()
    groups = iter(read_load(load))
    part = -(-total // rounds // 1000)
    try:

        def measure() -> float:
            chosen = [group for _, group in zip(range(part), groups)]
            started = time.perf_counter()
            done = feed(node.submission, iter(chosen), _UNDER_WAY)
            took = time.perf_counter() - started
            told.update(done)
            return done.total() / took

        figure = interleave(
            name,
            "transactions/s",
            "whole-JWS checks/s of cryptography, one process a core",
            measure,
            lambda: jws_checks(keys, sample, _SECONDS),
            rounds,
            note=f"{total} transactions of {load.stat().st_size // total - 4} bytes",
        )
        if set(told) != {"recorded"}:
            raise AssertionError(f"the load should be accepted whole: {told}")
        figures = [figure, _latency(node, made.keys)]
    finally:
        node.stop()
    figures.append(_disk(home / "node", load, total))
    return figures, home / "node"


def _latency(node: Node, keys: object) -> Figure:
    """Single records on an idle node, from submitting to knowing its place."""
    from node.demo.generator import DemoGenerator
    from node.demo.members import DEMO_CHAIN

    generator = DemoGenerator(keys, DEMO_CHAIN, 1, system_time)  # type: ignore[arg-type]
    took = []
    for dossier in generator.dossiers(100):
        raw = generator.sign(dossier[0]).encode()
        started = time.perf_counter()
        node.submission.wait(node.submission.submit([raw]), 10)
        took.append((time.perf_counter() - started) * 1000)
        time.sleep(0.005)
    took.sort()
    median = statistics.median(took)
    return Figure(
        "solo.latency",
        median,
        "ms, p50 of a single record on an idle node",
        "20 ms",
        20.0,
        median / 20.0,
        [[took[49], took[98]]],
        note="rounds: p50 and p99",
    )


def _disk(home: Path, load: Path, total: int) -> Figure:
    """Disk per record against the bytes of its transaction, after the node has stopped."""
    used = sum(
        path.stat().st_size
        for name in ("ledger", "blocks")
        for path in (home / name).rglob("*")
        if path.is_file()
    )
    submitted = load.stat().st_size - 4 * total
    return Figure(
        "solo.disk",
        used / total,
        "bytes a record",
        "bytes of its transaction",
        submitted / total,
        used / submitted,
        [[used, submitted]],
    )


def open_and_measure(home: Path) -> tuple[float, float]:
    """Seconds to open a node's ledger in a fresh process, and its memory after reading, in MB."""
    script = (
        "import resource,sys,time;from pathlib import Path;from node.config import load_config;"
        "from node.wiring import Node;import random;"
        "t=time.perf_counter();node=Node(load_config(Path(sys.argv[1])));node.engine.recover();"
        "opened=time.perf_counter()-t;r=node.reader();random.seed(1);"
        "[r.dossier_indexes(r.entry(random.randrange(1,r.meta.size)).transaction.sub)"
        " for _ in range(2000)];r.close();"
        "print(opened,resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024);"
        "node.stores.close()"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(home)], capture_output=True, text=True, check=True
    )
    opened, memory = run.stdout.split()[-2:]
    return float(opened), float(memory)
