"""One node of the consortium under measurement: runs the node in a home, and does what it is told.

python tests/benchmarks/consortium_node.py HOME

Commands come as lines of JSON on standard input, an answer a line goes to standard output. The load
is handed over inside the process: what is measured is from submission to receipt, without HTTP.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import structlog

from node.config import load_config
from node.demo.load import read_load
from node.rules.rejections import REJECTIONS
from node.submission.errors import SubmissionFull
from node.submission.tickets import Group
from node.wiring import Node

_BASE = 200
"""Seals that a load begins with: three steps of so many records, each resting on the one before."""
_GROUP = 256
_TURN = 0.05


class BenchNode:
    """A node, and the load that it is given."""

    def __init__(self, home: Path) -> None:
        self._node = Node(load_config(home), self._told)
        self._node.start()
        self._records: Iterator[bytes] = iter(())
        self._ends: Counter[str] = Counter()
        self._latencies: list[float] = []
        self._refused = 0
        self._retry_after = 0
        self._pending = 0
        self._changed = threading.Condition()
        self._work: threading.Thread | None = None
        self._ending = threading.Event()
        self._peak = 0.0

    def _told(self, groups: Iterable[Group]) -> None:
        now = time.perf_counter()
        with self._changed:
            for group in groups:
                if group.unfinished or group.context is None:
                    continue
                self._latencies.append(now - group.context)
                group.context = None
                self._pending -= len(group.tickets)
                for ticket in group.tickets:
                    code = ticket.rejection
                    if code is None:
                        self._ends["flawed" if ticket.known is None else ticket.known] += 1
                    else:
                        self._ends[REJECTIONS[code].name if code else "recorded"] += 1
            self._changed.notify_all()

    def load(self, path: str) -> dict[str, Any]:
        """Take a load's seals in; what follows is fed later."""
        self._records = (raw for group in read_load(Path(path)) for raw in group)
        for _ in range(3):
            self._submit(list(itertools.islice(self._records, _BASE)))
            self._wait_below(1)
        return self.status()

    def feed(self, under_way: int) -> dict[str, Any]:
        """Keep so many records under way, until `end`."""
        self._start(self._feed, under_way)
        return {}

    def pace(self, rate: float) -> dict[str, Any]:
        """Submit so many records a second, whatever becomes of them, until `end`."""
        self._latencies = []
        self._start(self._pace, rate)
        return {}

    def _start(self, target: Any, *arguments: Any) -> None:
        self._ending.clear()
        self._work = threading.Thread(target=target, args=arguments)
        self._work.start()

    def end(self) -> dict[str, Any]:
        """End feeding; wait for what is under way, but not for more than a minute."""
        self._ending.set()
        if self._work is not None:
            self._work.join()
        self._wait_below(1)
        return self.status()

    def _feed(self, under_way: int) -> None:
        while not self._ending.is_set():
            group = list(itertools.islice(self._records, _GROUP))
            if not group:
                raise RuntimeError("the load was too small")
            self._submit(group)
            self._wait_below(under_way)

    def _pace(self, rate: float) -> None:
        """A group that is refused is offered again in the next turn, so that the order is kept."""
        offered, started = 0.0, time.perf_counter()
        waiting: deque[list[bytes]] = deque()
        while not self._ending.is_set():
            due = (time.perf_counter() - started) * rate
            while offered < due:
                if not waiting:
                    size = max(1, min(_GROUP, int(rate * _TURN)))
                    waiting.append(list(itertools.islice(self._records, size)))
                    if not waiting[-1]:
                        raise RuntimeError("the load was too small")
                offered += len(waiting[0])
                try:
                    self._submit(waiting[0])
                    waiting.popleft()
                except SubmissionFull as full:
                    self._refused += len(waiting[0])
                    self._retry_after = full.retry_after
            time.sleep(_TURN / 5)

    def _submit(self, group: list[bytes]) -> None:
        with self._changed:
            self._pending += len(group)
        try:
            self._node.submission.submit(group, time.perf_counter())
        except SubmissionFull:
            with self._changed:
                self._pending -= len(group)
            raise

    def _wait_below(self, count: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._pending < count or self._ending.is_set(), 60)
            if self._ending.is_set():
                self._changed.wait_for(lambda: self._pending < count, 60)

    def status(self) -> dict[str, Any]:
        """How far it is, and what it has used: CPU in seconds, memory in MB."""
        node = self._node
        with node.reader() as reader:
            size, time_of = reader.meta.size, reader.meta.time
        workers = [child.pid for child in multiprocessing.active_children() if child.pid]
        self.look()
        with self._changed:
            latencies = sorted(self._latencies)
        return {
            "size": size,
            "height": node.application.need_meta().height,
            "at": time_of / 1000,
            "ends": dict(self._ends),
            "refused": self._refused,
            "retry_after": self._retry_after,
            "pending": self._pending,
            "p50": latencies[len(latencies) // 2] if latencies else 0.0,
            "p99": latencies[len(latencies) * 99 // 100] if latencies else 0.0,
            "cpu_main": _cpu(os.getpid()),
            "cpu_workers": sum(map(_cpu, workers)),
            "cpu_engine": sum(
                _cpu(child) for child in _children(os.getpid()) if child not in workers
            ),
            "threads": _threads(),
            "peak": self._peak,
            "trouble": str(node.engine.trouble or ""),
        }

    def look(self) -> dict[str, Any]:
        """Note how much memory the node and its workers hold."""
        held = [os.getpid(), *(child.pid for child in multiprocessing.active_children())]
        self._peak = max(self._peak, sum(_memory(process) for process in held if process))
        return {}

    def stop(self) -> dict[str, Any]:
        """Stop the node."""
        self._node.stop()
        return {}


def _cpu(process: int) -> float:
    """Seconds of CPU that a process has used, its threads that have ended among them."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _threads() -> dict[str, float]:
    """Seconds of CPU of each thread of this process, by name."""
    names = {str(thread.native_id): thread.name for thread in threading.enumerate()}
    spent: Counter[str] = Counter()
    for task in Path("/proc/self/task").iterdir():
        spent[names.get(task.name, "native")] += (
            int((task / "schedstat").read_text().split()[0]) / 1e9
        )
    return dict(spent)


def _children(process: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def _memory(process: int) -> float:
    """Megabytes that a process holds, mapped files aside."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    kilobytes = [line.split()[1] for line in lines if line.startswith(("RssAnon", "RssShmem"))]
    return sum(map(int, kilobytes)) / 1024


def main() -> None:
    """Answer commands until the input ends."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(int(os.environ.get("BENCH_LOG", "30"))),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    node = BenchNode(Path(sys.argv[1]))
    print(json.dumps(node.status()), flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(getattr(node, name)(*arguments)), flush=True)
        if name == "stop":
            return


if __name__ == "__main__":
    main()
