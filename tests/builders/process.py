"""A node in a process of its own, as `evidence-node run` starts it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builders.home import Home
from builders.story import Teller

_PROGRAM = (
    "import sys; from node.api.server import run_server; from node.config import load_config; "
    "sys.exit(run_server(load_config(sys.argv[1])))"
)
_READY = re.compile(r"evidence-node: \S+ at (http://\S+), ready")


class NodeProcess:
    """A running process. ``url`` is where it listens; ``output`` what it has printed so far."""

    def __init__(self, home: Path, before: str = "") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", before + _PROGRAM, str(home)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: list[str] = []
        self._ready = threading.Event()
        self.url = ""
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)
            found = _READY.match(line)
            if found is not None:
                self.url = found[1]
                self._ready.set()
        self._ready.set()

    @property
    def output(self) -> str:
        """All lines so far, of standard output and standard error."""
        return "".join(self._lines)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Until it says that it is ready."""
        assert self._ready.wait(60), self.output
        assert self.url, self.output

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Until it ends; its exit code."""
        code = self._process.wait(60)
        self._reading.join(10)
        return code

    def end(self) -> None:
        """Kill it, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)


@contextmanager
def running(home: Home | Path, before: str = "") -> Iterator[NodeProcess]:
    """A process that is ready; killed in the end unless it has ended by then.

    ``before`` is a program that its main process runs first: a way to break something in it.
    """
    process = NodeProcess(home if isinstance(home, Path) else home.path, before)
    try:
        process.wait_ready()
        yield process
    finally:
        process.end()


def teller_of_today(home: Home) -> Teller:
    """A teller whose signers' clocks are right."""
    return Teller(home, time.time_ns() // 1_000_000)
