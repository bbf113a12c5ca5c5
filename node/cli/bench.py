"""``evidence-node bench``: a short load on a node of its own, beside what the machine can check."""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import structlog

from node.cli.exit_codes import ExitCode
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.cli.progress import Progress, shown_progress
from node.cli.signature_checks import SignatureChecks
from node.config import load_config
from node.core.errors import LedgerFault
from node.demo.generator import DemoGenerator
from node.demo.home import DemoHome, create_demo_home
from node.demo.load import feed, read_load, write_load
from node.demo.members import DEMO_CHAIN
from node.wiring import Node, system_time

__all__ = ["Bench", "add_parser", "run"]

_DESCRIPTION = """
Makes a node in a temporary directory, signs records, and has the node record them as fast as it
can: every signature checked, every rule applied, every block synced to disk. In turn with that it
measures how many signatures this machine can check, one process a core, and nothing else: the ratio
of the two says more than either. Then it measures single records on the idle node.
"""
_EXAMPLES = """
evidence-node bench
evidence-node bench --records 100000 --dir /var/lib --json
"""
_UNDER_WAY = 24_000
_CHECK_SECONDS = 1.5
_SINGLE_RECORDS = 100


@dataclass(frozen=True)
class Bench:
    """What was measured: rates per second (medians of rounds), latencies in ms."""

    records: int
    rounds: int
    cores: int
    records_per_second: float
    checks_per_second: float
    ratio: float
    latency_p50_ms: float
    latency_p99_ms: float
    bytes_per_record: float


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "bench", _DESCRIPTION, _EXAMPLES)
    parser.add_argument(
        "--records", type=int, default=20_000, metavar="N", help="how many (default 20000)"
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default 3")
    parser.add_argument(
        "--dir", default=".", metavar="DIR", help="on which disk (default: here); cleaned up after"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and tell."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    with (
        tempfile.TemporaryDirectory(prefix=".bench-", dir=args.dir) as folder,
        shown_progress() as progress,
    ):
        bench = _measure(Path(folder), args.records, max(1, args.rounds), progress)
    if args.json:
        write_json(asdict(bench))
    else:
        _tell(bench)
    return ExitCode.OK


def _measure(folder: Path, count: int, rounds: int, progress: Progress) -> Bench:
    home = create_demo_home(folder / "node", system_time, min_free=0)
    load = folder / "load.bin"
    progress("signing", 0, count)
    total = write_load(load, folder / "members", seed=time.time_ns(), count=count)
    progress("signing", total, total)
    groups = read_load(load)
    first = next(groups)
    with _running(home) as node:
        figures = _rounds(node, home, [first, *groups], rounds, progress)
        progress("single records", 0, _SINGLE_RECORDS)
        latencies = sorted(_single_records(node, home))
    used = sum(
        path.stat().st_size
        for name in ("ledger", "blocks")
        for path in (home.path / name).rglob("*")
        if path.is_file()
    )
    return Bench(
        records=total,
        rounds=len(figures),
        cores=len(os.sched_getaffinity(0)),
        records_per_second=statistics.median(rate for rate, _ in figures),
        checks_per_second=statistics.median(checks for _, checks in figures),
        ratio=statistics.median(rate / checks for rate, checks in figures),
        latency_p50_ms=latencies[len(latencies) // 2],
        latency_p99_ms=latencies[-1 - len(latencies) // 100],
        bytes_per_record=used / (total + _SINGLE_RECORDS),
    )


@contextmanager
def _running(home: DemoHome) -> Iterator[Node]:
    node = Node(load_config(home.path))
    node.start()
    try:
        yield node
    finally:
        node.stop()


def _rounds(
    node: Node, home: DemoHome, groups: list[list[bytes]], rounds: int, progress: Progress
) -> list[tuple[float, float]]:
    """For each round, records and signature checks per second, measured in turn."""
    keys = {key.kid: key.jwk for key in home.keys.values()}
    rest = iter(groups)
    part = -(-len(groups) // rounds)
    figures = []
    with SignatureChecks(keys, groups[0]) as checks:
        checks.rate(0.1)  # starts the processes
        before = checks.rate(_CHECK_SECONDS)
        for number in range(rounds):
            chosen = list(islice(rest, part))
            if not chosen:
                break
            progress("rounds", number, rounds)
            started = time.perf_counter()
            done = feed(node.submission, iter(chosen), _UNDER_WAY)
            rate = sum(map(len, chosen)) / (time.perf_counter() - started)
            if set(done) != {"recorded"}:
                raise LedgerFault(f"a load without faults was not recorded whole: {dict(done)}")
            after = checks.rate(_CHECK_SECONDS)
            figures.append((rate, (before + after) / 2))
            before = after
        progress("rounds", rounds, rounds)
    return figures


def _single_records(node: Node, home: DemoHome) -> Iterator[float]:
    """How long a record takes, in ms, from its submission until its place is known."""
    generator = DemoGenerator(home.keys, DEMO_CHAIN, time.time_ns(), system_time)
    for dossier in generator.dossiers(_SINGLE_RECORDS):
        raw = generator.sign(dossier[0]).encode()
        started = time.perf_counter()
        group = node.submission.submit([raw])
        if not node.submission.wait(group, 30):
            raise LedgerFault("a single record was not committed in 30 s")
        yield (time.perf_counter() - started) * 1000


def _tell(bench: Bench) -> None:
    say(f"Records:            {bench.records:,} in {bench.rounds} rounds, {bench.cores} cores")
    say(f"Recorded:           {bench.records_per_second:,.0f} a second")
    say(f"Signature checks:   {bench.checks_per_second:,.0f} a second")
    say(f"Ratio:              {bench.ratio:.2f}")
    say(f"One record alone:   {bench.latency_p50_ms:.1f} ms (p99 {bench.latency_p99_ms:.1f} ms)")
    say(f"Disk:               {bench.bytes_per_record:,.0f} bytes a record")
