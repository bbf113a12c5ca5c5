"""A node as a process of its own, started by the command line."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["NodeProcess", "running_node", "use_any_port"]

_READY = re.compile(r"at (http://\S+), ready")


@dataclass
class NodeProcess:
    """A running node: its home, its URL, its process."""

    home: Path
    url: str
    process: subprocess.Popen[str]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


def use_any_port(home: Path) -> None:
    """Have the node of a fresh home listen on a port that is free, with one worker."""
    path = home / "node.toml"
    text = path.read_text("utf-8")
    for old, new in (("port = 8440\n", "port = 0\n"), ("workers = 0 ", "workers = 1 ")):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


@contextmanager
def running_node(home: Path) -> Iterator[NodeProcess]:
    """``evidence-node run``, from when it is ready on; killed in the end if it still runs."""
    log = home.parent / f"{home.name}.log"
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "node.cli", "run", "--home", str(home)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = _READY.search(line)
        assert found is not None, (line, log.read_text("utf-8"))
        yield NodeProcess(home, found[1], process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
