"""Where a record's CPU time goes: microseconds of each thread and process of a node under load.

python tests/benchmarks/cpu.py [RECORDS]
"""

from __future__ import annotations

import multiprocessing
import shutil
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import structlog
from harness import OUT

from node.config import load_config
from node.demo.home import create_demo_home
from node.demo.load import feed, read_load, write_load
from node.wiring import Node, system_time

_UNDER_WAY = 24_000


def main() -> None:
    """Print a line a thread and process."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60_000
    home = OUT / "bench" / "cpu"
    shutil.rmtree(home, ignore_errors=True)
    create_demo_home(home / "node", system_time)
    write_load(home / "load.bin", home / "members", seed=5, count=count)
    node = Node(load_config(home / "node"))
    node.start()
    try:
        groups = read_load(home / "load.bin")
        feed(node.submission, iter([next(groups)]), _UNDER_WAY)
        rest = list(groups)
        total = sum(map(len, rest))
        before, started = _seconds(), time.perf_counter()
        feed(node.submission, iter(rest), _UNDER_WAY)
        took, after = time.perf_counter() - started, _seconds()
    finally:
        node.stop()
    each = {name: (spent - before[name]) / total * 1e6 for name, spent in after.items()}
    print(f"{total} records in {took:.1f} s, {total / took:.0f}/s; microseconds of CPU a record:")
    for name, spent in sorted(each.items(), key=lambda item: -item[1]):
        print(f"{spent:8.1f}  {name}")
    print(f"{sum(each.values()):8.1f}  in all")


def _seconds() -> dict[str, float]:
    """CPU time so far, of the threads of this process and of each worker process."""
    names = {str(thread.native_id): thread.name for thread in threading.enumerate()}
    spent: dict[str, float] = Counter()
    for task in Path("/proc/self/task").iterdir():
        name = names.get(task.name, "of LevelDB (compactions)")
        spent[f"thread {name}"] += _spent(task / "schedstat")
    for worker in multiprocessing.active_children():
        files = Path(f"/proc/{worker.pid}/task").glob("*/schedstat")
        spent[f"process {worker.name}"] = sum(map(_spent, files))
    return spent


def _spent(file: Path) -> float:
    return int(file.read_text().split()[0]) / 1e9


if __name__ == "__main__":
    main()
