"""The solo engine: commits against whole-JWS checks, latency, size, and all that at a million."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from harness import OUT, Figure, figure_of, interleave, jws_checks

from node.config import load_config
from node.core.signatures import PublicJwk
from node.demo.home import create_demo_home
from node.demo.load import feed, read_load, write_load
from node.wiring import Node, system_time

_UNDER_WAY = 24_000
_SECONDS = 3.0
_PART = 100_000
_CHECKS = "whole-JWS checks/s of cryptography, one process a core"


def commit(count: int, rounds: int, *, name: str = "solo.commit") -> tuple[list[Figure], Path]:
    """``solo.commit``: ``count`` transactions into an empty ledger, ``rounds`` times, with the
    checks measured between them; latency and disk with it.

    Returns:
        The figures, and the home of the node of the last round.
    """
    home = OUT / "bench" / name
    shutil.rmtree(home, ignore_errors=True)
    made = create_demo_home(home / "empty", system_time)
    load = home / "load.bin"
    total = write_load(load, home / "members", seed=2026, count=count)
    sample = next(iter(read_load(load)))
    keys = {key.kid: key.jwk for key in made.keys.values()}
    figure = interleave(
        name,
        "transactions/s",
        _CHECKS,
        lambda: _commit_all(home, load),
        lambda: jws_checks(keys, sample, _SECONDS),
        rounds,
        note=f"{total} transactions of {load.stat().st_size // total - 4} bytes",
    )
    node = Node(load_config(home / "node"))
    node.start()
    try:
        latency = _latency(node, made.keys)
    finally:
        node.stop()
    return [figure, latency, _disk(home / "node", load, total)], home / "node"


def _commit_all(home: Path, load: Path) -> float:
    """Transactions a second, from the first that is submitted to the last that is committed, once
    the workers have come up over a thousand others."""
    shutil.rmtree(home / "node", ignore_errors=True)
    shutil.copytree(home / "empty", home / "node")
    node = Node(load_config(home / "node"))
    node.start()
    try:
        groups = read_load(load)
        feed(node.submission, iter([next(groups)]), _UNDER_WAY)
        started = time.perf_counter()
        told = feed(node.submission, groups, _UNDER_WAY)
        took = time.perf_counter() - started
    finally:
        node.stop()
    if set(told) != {"recorded"}:
        raise AssertionError(f"the load should be accepted whole: {told}")
    return told.total() / took


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


def million(
    count: int = 1_000_000, few: int = 10_000, rounds: int = 5, *, name: str = "solo.million"
) -> list[Figure]:
    """What ``count`` records change: the rate of commits, opening, memory, the cost of a write.

    Two nodes of one chain, of ``few`` and ``count`` records, are opened and given the same further
    ``10 * few`` records in turn, each time in a fresh process; the smaller one is a fresh copy.
    """
    home = OUT / "bench" / name
    shutil.rmtree(home, ignore_errors=True)
    made = create_demo_home(home / "many", system_time, min_free=0)
    shutil.copytree(home / "many", home / "few")
    keys = {key.kid: key.jwk for key in made.keys.values()}
    load = home / "load.bin"
    write_load(load, home / "members", seed=1, count=few)
    _on(home / "few", load)
    sample = next(iter(read_load(load)))
    filling = _fill(home, count, keys, sample)
    opened, written, rates = [], [], []
    memory: dict[str, Any] = {}
    for number in range(rounds):
        write_load(load, home / "members", seed=100 + number, count=10 * few)
        shutil.rmtree(home / "copy", ignore_errors=True)
        shutil.copytree(home / "few", home / "copy")
        before = jws_checks(keys, sample, _SECONDS)
        small, memory = _on(home / "copy", load), _on(home / "many", load)
        checks = (before + jws_checks(keys, sample, _SECONDS)) / 2
        opened.append([memory["opened"] * 1000, small["opened"] * 1000])
        written.append([1e6 / memory["rate"], 1e6 / small["rate"]])
        rates.append([memory["rate"], checks])
    note = f"{memory['size']} records against {few} to {11 * few}"
    against = f"the same with {few} records"
    return [
        filling,
        figure_of(
            "solo.million.commit",
            "transactions/s",
            _CHECKS,
            rates,
            f"{10 * few} more a round, {note}",
        ),
        figure_of("solo.million.open", "ms", against, opened, note),
        figure_of("solo.million.write", "microseconds a record", against, written, note),
        figure_of(
            "solo.million.memory",
            "MB, peak of the node's process while it opens, records and reads, mapped files aside",
            "500 MB",
            [[memory["peak"], 500.0]],
            f"its workers hold {memory['workers']:.0f} MB besides; {memory['mapped']:.0f} MB of "
            "the store's tables are mapped, which the kernel may drop",
        ),
    ]


def _fill(home: Path, count: int, keys: dict[str, PublicJwk], sample: list[bytes]) -> Figure:
    """Bring the node in ``home/many`` to ``count`` records, in parts."""
    rounds = []
    load = home / "part.bin"
    parts = max(1, count // _PART)
    for number in range(parts):
        write_load(load, home / "members", seed=1000 + number, count=count // parts)
        told = _on(home / "many", load)
        rounds.append([told["rate"], jws_checks(keys, sample, _SECONDS)])
        print(f"{told['size']} records: {told['rate']:.0f}/s", flush=True)
    load.unlink()
    return figure_of(
        "solo.million.fill",
        "transactions/s",
        _CHECKS,
        rounds,
        f"from none to {count} records, {_PART} a round",
    )


def _on(home: Path, load: Path) -> dict[str, Any]:
    """What `on_home` tells in a process of its own."""
    run = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("on_home.py")), str(home), str(load)],
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    if set(told["told"]) != {"recorded"}:
        raise AssertionError(f"the load should be accepted whole: {told['told']}")
    return told
