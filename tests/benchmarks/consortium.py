"""Four validators on this machine: records committed, against the transactions of a bare kvstore.

python tests/benchmarks/consortium.py

Both nets run in turn, with the same engine settings and the same signed transactions. Ours checks
every signature four times, judges, keeps log and state map, and writes all of it to disk.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import OUT, ROOT, Figure, figure_of
from kvstore import kvstore_rate

from node.demo.load import read_load, write_load
from node.demo.testnet import TESTNET_CHAIN, create_testnet
from node.wiring import system_time

_NODES = 4
_UNDER_WAY = 2_000
"""Records of a node that are under way while the best rate is measured."""
_MOST_ITEMS = 6_000
"""What a node may hold, so that it is full within seconds when it is overloaded."""
_MOST_EACH = 1_000
"""Records a second of one node that a load is enough for."""
_WARM = 4.0
_KVSTORE = "transactions/s of CometBFT's built-in kvstore"


class Net:
    """The running nodes, each a process of its own."""

    def __init__(self, homes: list[Path]) -> None:
        self._nodes = [
            subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("consortium_node.py")), str(home)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=(home / "bench.log").open("ab"),
                text=True,
            )
            for home in homes
        ]
        for node in self._nodes:
            self._answer(node)

    def tell(self, *commands: list[Any]) -> list[dict[str, Any]]:
        """Give each node its command, the only one to all; their answers."""
        each = commands if len(commands) > 1 else commands * len(self._nodes)
        for node, command in zip(self._nodes, each):
            assert node.stdin is not None
            node.stdin.write(json.dumps(command) + "\n")
            node.stdin.flush()
        return [self._answer(node) for node in self._nodes]

    def _answer(self, node: subprocess.Popen[str]) -> dict[str, Any]:
        assert node.stdout is not None
        line = node.stdout.readline()
        if not line:
            raise RuntimeError("a node ended; its bench.log says why")
        answer: dict[str, Any] = json.loads(line)
        if answer.get("trouble"):
            raise RuntimeError(answer["trouble"])
        return answer

    def end(self) -> None:
        """End what still runs."""
        for node in self._nodes:
            node.kill()
            node.wait()


@contextmanager
def _net(homes: list[Path]) -> Iterator[Net]:
    net = Net(homes)
    try:
        yield net
        net.tell(["stop"])
    finally:
        net.end()


def consortium(seconds: float, rounds: int, *, name: str = "consortium") -> list[Figure]:
    """``consortium.commit`` and what comes with it: latency, overload, CPU and memory.

    Args:
        seconds: how long each rate is measured.
        rounds: of both nets in turn, each begun anew.
        name: of the directory in ``out/bench``.
    """
    home = OUT / "bench" / name
    shutil.rmtree(home, ignore_errors=True)
    engine, stock = (_built(*flags) for flags in ((), ("--stock",)))
    other = create_testnet(home / "kvstore", _NODES, stock, system_time, min_free=0)
    made = create_testnet(home / "empty", _NODES, engine, system_time, min_free=0)
    loads = _write_loads(home, int(_MOST_EACH * (_WARM + 3.5 * seconds)) + 2 * _MOST_ITEMS)
    pairs, used, overloads = [], [], []
    for number in range(rounds):
        plain = (raw for load in loads for group in read_load(load) for raw in group)
        before = kvstore_rate(other, stock, plain, seconds)
        homes = _fresh([node.home for node in made.nodes], home / "net")
        with _net(homes) as net:
            net.tell(*[["load", str(load)] for load in loads])
            rate, costs = _best(net, seconds)
            pairs.append([rate, before])
            used.append(costs)
            latency = _half(net, rate, seconds)
            overloads.append(_overload(net, rate, seconds))
            print(
                f"round {number + 1}: {rate:.0f} records/s, kvstore {before:.0f}, p50 at half load "
                f"{latency.rate:.0f} ms, {overloads[-1].rate:.0f} records/s overloaded",
                flush=True,
            )
    note = f"{_NODES} validators on {len(os.sched_getaffinity(0))} cores, {seconds:.0f} s a round"
    return [
        figure_of("consortium.commit", "records/s", _KVSTORE, pairs, note),
        *_costs(used),
        latency,
        *_of_overload(overloads),
    ]


def _built(*flags: str) -> Path:
    """An engine's program, built if need be."""
    built = subprocess.run(
        [str(ROOT / "scripts/build-engine"), *flags], capture_output=True, text=True, check=True
    )
    return Path(built.stdout.strip())


def _write_loads(home: Path, count: int) -> list[Path]:
    """A load for each node: no dossier's records go through two."""
    loads = []
    for number in range(_NODES):
        load = home / f"load-{number}.bin"
        write_load(load, home / "empty/members", 2026 + number, count, TESTNET_CHAIN)
        loads.append(load)
    return loads


def _fresh(empty: list[Path], path: Path) -> list[Path]:
    """Copies of the homes, without a chain yet, that hold little before they are full."""
    shutil.rmtree(path, ignore_errors=True)
    homes = []
    for place in empty:
        copy = path / place.name
        shutil.copytree(place, copy)
        config = copy / "node.toml"
        text = config.read_text("utf-8")
        limit = f"[submission]\nmax_items = {_MOST_ITEMS}"
        config.write_text(text.replace("[submission]", limit), "utf-8")
        homes.append(copy)
    return homes


def _between(net: Net, seconds: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the nodes say now and after so many seconds; their memory is looked at meanwhile."""
    before = net.tell(["status"])
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(1.0)
        net.tell(["look"])
    return before, net.tell(["status"])


def _rate(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> float:
    """Records a second by the times of the blocks, as the node sees it that is behind."""
    return min(
        (now["size"] - then["size"]) / (now["at"] - then["at"]) for then, now in zip(before, after)
    )


def _best(net: Net, seconds: float) -> tuple[float, dict[str, float]]:
    """The rate while each node has enough under way, and the CPU that a record takes, in µs."""
    net.tell(["feed", _UNDER_WAY])
    time.sleep(_WARM)
    before, after = _between(net, seconds)
    _check(net.tell(["end"]))
    count = after[0]["size"] - before[0]["size"]
    spent = {
        name: 1e6 * sum(now[name] - then[name] for then, now in zip(before, after)) / count
        for name in ("cpu_main", "cpu_workers", "cpu_engine")
    }
    for thread in sorted({name for now in after for name in now["threads"]}):
        told = sum(
            now["threads"].get(thread, 0.0) - then["threads"].get(thread, 0.0)
            for then, now in zip(before, after)
        )
        spent[f"thread {thread}"] = 1e6 * told / count
    return _rate(before, after), spent


def _half(net: Net, best: float, seconds: float) -> Figure:
    """From submitting to the receipt, records coming at half the best rate."""
    net.tell(["pace", best / 2 / _NODES])
    before, after = _between(net, seconds)
    ends = net.tell(["end"])
    _check(ends)
    p50, p99 = (statistics.median(end[name] for end in ends) * 1000 for name in ("p50", "p99"))
    rounds = [[end["p50"] * 1000, end["p99"] * 1000] for end in ends]
    note = f"p99 {p99:.0f} ms; {_rate(before, after):.0f} records/s came; rounds: p50, p99 a node"
    return Figure(
        "consortium.latency", p50, "ms, p50 at half load", "1 s", 1000.0, p50 / 1000.0, rounds, note
    )


@dataclass(frozen=True)
class _Overload:
    """A round of overload: records committed a second, beside the best before it, and refused; the
    seconds of Retry-After; the most memory of a node, in MB."""

    rate: float
    best: float
    refused: float
    retry_after: int
    peak: float


def _overload(net: Net, best: float, seconds: float) -> _Overload:
    """What goes on being committed under ten times the load, and the memory that it takes."""
    net.tell(["pace", 10 * best / _NODES])
    time.sleep(_WARM)
    before, after = _between(net, seconds)
    rate = _rate(before, after)
    refused = sum(now["refused"] - then["refused"] for then, now in zip(before, after))
    ends = net.tell(["end"])
    _check(ends)
    if not refused:
        raise AssertionError("nothing was refused: this was no overload")
    again = max(end["retry_after"] for end in ends)
    return _Overload(rate, best, refused / seconds, again, max(end["peak"] for end in ends))


def _of_overload(rounds: list[_Overload]) -> list[Figure]:
    note = (
        f"{statistics.median(one.refused for one in rounds):.0f} records/s were refused (503, "
        f"Retry-After {rounds[0].retry_after} s); at most {_MOST_ITEMS} under way a node"
    )
    return [
        figure_of(
            "consortium.overload",
            "records/s under ten times the load",
            "records/s at best, just before",
            [[one.rate, one.best] for one in rounds],
            note,
        ),
        figure_of(
            "consortium.memory",
            "MB, peak of a node's processes without its engine, under that load",
            "500 MB",
            [[one.peak, 500.0] for one in rounds],
        ),
    ]


def _check(ends: list[dict[str, Any]]) -> None:
    for end in ends:
        if set(end["ends"]) != {"recorded"} or end["pending"]:
            raise AssertionError(f"the load should be recorded whole: {end}")


def _costs(used: list[dict[str, float]]) -> list[Figure]:
    """CPU of all four nodes for one record."""
    names = sorted({name for costs in used for name in costs})
    typical = {name: statistics.median(costs.get(name, 0.0) for costs in used) for name in names}
    for name, spent in sorted(typical.items(), key=lambda item: -item[1]):
        print(f"{spent:8.1f}  {name}")
    applications = typical["cpu_main"] + typical["cpu_workers"]
    whole = applications + typical["cpu_engine"]
    note = ", ".join(f"{name} {spent:.0f}" for name, spent in typical.items() if spent >= 5)
    return [
        Figure(
            f"consortium.cpu.{name}",
            spent,
            f"microseconds a record, of all {_NODES}",
            "of applications and engines",
            whole,
            spent / whole,
            [[spent, whole]],
            note,
        )
        for name, spent in (("applications", applications), ("engines", typical["cpu_engine"]))
    ]


if __name__ == "__main__":
    for made_figure in consortium(*map(float, sys.argv[1:2] or ["10"]), rounds=1):
        print(made_figure)
