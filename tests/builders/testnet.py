"""A consortium of real nodes with real engines, each a process of its own, for tests."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from node.demo.testnet import Testnet, TestnetNode, create_testnet
from node.wiring import system_time

__all__ = ["Net", "RunningNode", "engine_binary", "net_of", "until"]

_READY = re.compile(r"at (http://\S+), ready")
_ROOT = Path(__file__).resolve().parents[2]


def engine_binary() -> Path:
    """The engine's program, built if need be, or what EVIDENCE_ENGINE names. Fails in CI where it
    cannot be built, else skips."""
    if given := os.environ.get("EVIDENCE_ENGINE"):
        return Path(given)
    built = subprocess.run(
        [_ROOT / "scripts/build-engine"], capture_output=True, text=True, check=False
    )
    if built.returncode:
        if os.environ.get("CI") == "true":
            pytest.fail(f"the engine cannot be built: {built.stderr[-2000:]}")
        pytest.skip(f"the engine (Go) cannot be built: {built.stderr[-300:]}")
    return Path(built.stdout.strip())


class RunningNode:
    """One node of a net, started and ended by the test."""

    def __init__(self, node: TestnetNode) -> None:
        self.node = node
        self.process: subprocess.Popen[str] | None = None
        self.log = node.home.parent / f"{node.member}.log"

    @property
    def url(self) -> str:
        return self.node.url

    def start(self, program: Path | None = None) -> None:
        """Start it, or a ``program`` that is given its home; `ready` waits."""
        home = str(self.node.home)
        command = ["-m", "node.cli", "run", "--home", home]
        with self.log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, *(command if program is None else [str(program), home])],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def ready(self) -> None:
        """Wait until it says that it is ready."""
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert _READY.search(line), (line, self.told())

    def ended(self) -> int:
        """Wait until it has ended by itself, and its engine too; the exit code."""
        assert self.process is not None
        code = self.process.wait(120)
        if self.process.stdout is not None:
            self.process.stdout.close()
        until(self._port_is_free)
        return code

    def _port_is_free(self) -> bool:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.node.p2p_port))
            except OSError:
                return False
        return True

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(60)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def told(self) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8")[-3000:] if self.log.exists() else ""

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30)


class Net:
    """A running consortium. ``guests`` are nodes that are not running yet."""

    def __init__(self, made: Testnet) -> None:
        self.made = made
        self.nodes = [RunningNode(node) for node in made.nodes]
        self.guests = [RunningNode(node) for node in made.guests]

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.ready()

    def stop(self) -> None:
        everybody = [*self.nodes, *self.guests]
        for node in everybody:
            if node.process is not None and node.process.poll() is None:
                node.process.send_signal(signal.SIGTERM)
        for node in everybody:
            if node.process is not None:
                try:
                    node.process.wait(60)
                except subprocess.TimeoutExpired:
                    node.process.kill()
                    node.process.wait()
                if node.process.stdout is not None:
                    node.process.stdout.close()


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that another process brings about."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


@contextmanager
def net_of(path: Path, count: int, **options: int) -> Iterator[Net]:
    """A net of ``count`` nodes, running; ended in the end, whatever happens."""
    shutil.rmtree(path, ignore_errors=True)
    made = create_testnet(path, count, engine_binary(), system_time, min_free=0, **options)
    net = Net(made)
    try:
        net.start()
        yield net
    finally:
        net.stop()
