"""A consortium of real nodes with real engines, each a process of its own, for tests."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from node.demo.testnet import Testnet, TestnetNode, create_testnet
from node.wiring import system_time

__all__ = ["Net", "RunningNode", "engine_binary", "net_of", "set_option", "until"]

_READY = re.compile(r"at (http://\S+), ready")
_ROOT = Path(__file__).resolve().parents[2]
_FAULTY = Path(__file__).with_name("faulty_node.py")


def engine_binary(*, stock: bool = False) -> Path:
    """The engine's program, built if need be, or what EVIDENCE_ENGINE names; ``stock`` is
    CometBFT's own. Fails in CI where it cannot be built, else skips."""
    if not stock and (given := os.environ.get("EVIDENCE_ENGINE")):
        return Path(given)
    command = [str(_ROOT / "scripts/build-engine"), *(["--stock"] if stock else [])]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
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
        self.prefix: Sequence[str] = ()  # a command that runs it
        self.inside: Executor | None = None  # what reaches it, where not everything does
        self.log = node.home.parent / f"{node.member}.log"

    @property
    def url(self) -> str:
        return self.node.url

    @property
    def trace(self) -> Path:
        """Where its application notes the engine's calls, if it does."""
        return self.node.home.parent / f"{self.node.member}.trace"

    def start(
        self,
        faults: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        program: Path | None = None,
    ) -> None:
        """Start it; `ready` waits.

        Args:
            faults: options of `builders.faulty_node`; its calls are traced in any case.
            environment: variables for node and engine.
            program: another one, which is given its home.
        """
        home = str(self.node.home)
        command = [sys.executable, str(_FAULTY), "--home", home, "--trace", str(self.trace)]
        command += faults
        if program is not None:
            command = [sys.executable, str(program), home]
        with self.log.open("ab") as errors:
            self.process = subprocess.Popen(
                [*self.prefix, *command],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **(environment or {})},
            )

    @property
    def pid(self) -> int:
        """Of the node's process."""
        assert self.process is not None
        return self.process.pid

    def engine_pid(self) -> int:
        """Of its engine's process. Fails where none runs."""
        home = str(self.node.home / "engine")
        for process in Path("/proc").iterdir():
            try:
                if process.name.isdigit() and os.readlink(process / "cwd") == home:
                    return int(process.name)
            except OSError:
                continue
        raise AssertionError(f"no engine runs in {home}")

    def wait(self) -> int:
        """Until it has ended; the exit code."""
        assert self.process is not None
        code = self.process.wait(120)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def logged(self, text: str) -> list[dict[str, Any]]:
        """The lines of its log whose event holds ``text``."""
        found = []
        for line in self.log.read_text("utf-8").splitlines():
            if text in line and line.startswith("{"):
                told = json.loads(line)
                if text in str(told.get("event", "")):
                    found.append(told)
        return found

    def metric(self, name: str) -> float:
        """A value of its metrics that has no labels."""
        lines = self.get("/metrics").text.splitlines()
        [value] = [line.split()[1] for line in lines if line.split()[0] == name]
        return float(value)

    def unready(self) -> str:
        """Why /readyz says that it is not ready; empty where it is, or does not answer."""
        try:
            answer = self.get("/readyz")
        except httpx.TransportError:
            return ""
        return "" if answer.status_code == 200 else str(answer.json()["detail"])

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
        return self.wait()

    def told(self) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8")[-3000:] if self.log.exists() else ""

    def audit(self) -> None:
        """Every header, commit, frame and row of its ledger is what the genesis and the blocks
        give. For a node that has ended."""
        audit = subprocess.run(
            [sys.executable, "-m", "node.cli", "audit", "--home", str(self.node.home)],
            capture_output=True,
            text=True,
        )
        assert audit.returncode == 0, audit.stdout + audit.stderr
        assert "Nothing is wrong." in audit.stdout

    def get(self, path: str) -> httpx.Response:
        """What it answers. Raises TransportError."""
        return self.request("GET", path, timeout=30)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send it a request, from where it can be reached. Raises TransportError."""
        if self.inside is None:
            return httpx.request(method, self.url + path, **options)
        return self.inside.submit(httpx.request, method, self.url + path, **options).result()


class Net:
    """A running consortium. ``guests`` are nodes that are not running yet."""

    def __init__(self, made: Testnet) -> None:
        self.made = made
        self.nodes = [RunningNode(node) for node in made.nodes]
        self.guests = [RunningNode(node) for node in made.guests]
        self.extra: list[RunningNode] = []  # more of them, which are stopped with the net

    def start(self) -> None:
        for node in self.nodes:
            if node.process is None:
                node.start()
        for node in self.nodes:
            node.ready()

    def stop(self) -> None:
        everybody = (*self.nodes, *self.guests, *self.extra)
        running = [node.process for node in everybody if node.process is not None]
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in running:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def until(true: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait for something that another process brings about."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def set_option(home: Path, section: str, name: str, value: str) -> None:
    """Put an option, as TOML, first into a section of a home's configuration, in place of what it
    was."""
    path = home / "node.toml"
    text = re.sub(rf"(?m)^{name} = .*\n", "", path.read_text("utf-8"))
    assert f"[{section}]\n" in text
    path.write_text(text.replace(f"[{section}]\n", f"[{section}]\n{name} = {value}\n"), "utf-8")


@contextmanager
def net_of(
    path: Path,
    count: int,
    *,
    binary: Path | None = None,
    propose_ms: int = 1_000,
    prepare: Callable[[Net], None] = lambda net: None,
    **options: Any,
) -> Iterator[Net]:
    """A net of ``count`` nodes, running; ended in the end, whatever happens.

    ``prepare`` is called with it before it is started; what it has started is not started again.
    """
    shutil.rmtree(path, ignore_errors=True)
    made = create_testnet(
        path, count, binary or engine_binary(), system_time, min_free=0, **options
    )
    for node in made.nodes:
        set_option(node.home, "consortium", "timeout_propose_ms", str(propose_ms))
        with (node.home / "node.toml").open("a", encoding="utf-8") as file:
            file.write("\n[log]\njson = true\n")
    net = Net(made)
    try:
        prepare(net)
        net.start()
        yield net
    finally:
        net.stop()
