"""Opens the node in a home, feeds it a load if one is named, and tells what that took, as JSON.

python tests/benchmarks/on_home.py HOME [LOAD]

In a process of its own, so that its memory is the node's. ``opened`` in seconds, ``rate`` in
transactions a second, memory in megabytes: ``peak`` of the node's process without the files that it
has mapped, which are the kernel's to drop, ``mapped`` those at the end, ``workers`` what all worker
processes hold that no other does.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

import structlog

from node.config import load_config
from node.demo.load import feed, read_load
from node.wiring import Node

_UNDER_WAY = 24_000
_READS = 2_000


def measure(home: Path, load: Path | None) -> dict[str, Any]:
    """Open, feed, read at random places, and stop."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    peak = _Peak()
    peak.start()
    started = time.perf_counter()
    node = Node(load_config(home))
    node.start()
    told: dict[str, Any] = {"opened": time.perf_counter() - started}
    try:
        if load is not None:
            started = time.perf_counter()
            done = feed(node.submission, read_load(load), _UNDER_WAY)
            told["rate"] = done.total() / (time.perf_counter() - started)
            told["told"] = dict(done)
        with node.reader() as reader:
            chosen = random.Random(1)
            for _ in range(_READS):
                entry = reader.entry(chosen.randrange(1, reader.meta.size))
                reader.dossier_indexes(entry.transaction.sub)
            told["size"] = reader.meta.size
        told["peak"] = peak.stop() / 1024
        told["mapped"] = _kilobytes("self", "status", "RssFile") / 1024
        workers = [child.pid for child in multiprocessing.active_children()]
        told["workers"] = (
            sum(
                _kilobytes(pid, "smaps_rollup", "Private_Clean")
                + _kilobytes(pid, "smaps_rollup", "Private_Dirty")
                for pid in workers
            )
            / 1024
        )
        told["cores"] = len(os.sched_getaffinity(0))
    finally:
        node.stop()
    return told


class _Peak(threading.Thread):
    """The most that this process has held, looked at twenty times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._most = 0
        self._end = threading.Event()

    def run(self) -> None:
        """See Thread."""
        while not self._end.wait(0.05):
            self._look()

    def stop(self) -> int:
        """The most, in kB."""
        self._end.set()
        self.join()
        self._look()
        return self._most

    def _look(self) -> None:
        own = sum(_kilobytes("self", "status", name) for name in ("RssAnon", "RssShmem"))
        self._most = max(self._most, own)


def _kilobytes(process: int | str | None, file: str, name: str) -> int:
    for line in Path(f"/proc/{process}/{file}").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise ValueError(f"{name} is not told of")


if __name__ == "__main__":
    arguments = [Path(argument) for argument in sys.argv[1:]]
    print(json.dumps(measure(arguments[0], arguments[1] if len(arguments) > 1 else None)))
