"""Nodes in network namespaces of their own, on one switch that a test can cut in two.

Each node has an address, and a loopback for its interface, that nothing outside reaches; the
switch is two bridges in one more namespace, and a cut moves some nodes' lines to the other one.
What is sent over a cut line is lost without an answer, as with a real one.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from builders.testnet import Net, set_option

__all__ = ["Switch", "switch_for"]

_NEW_NET = 0x40000000
_THREADS = 4
_PORT = 26656


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


class Switch:
    """The namespaces of ``count`` nodes; ``whole`` and ``cut`` lay the lines."""

    def __init__(self, count: int) -> None:
        self._name = f"ev{os.getpid()}"
        self._nodes = [f"{self._name}-{number}" for number in range(count)]
        self._reaching: list[ThreadPoolExecutor] = []

    def make(self) -> None:
        """Raises CalledProcessError where this machine does not allow it."""
        _ip("netns", "add", self._name)
        for bridge in ("left", "right"):
            _ip("-n", self._name, "link", "add", bridge, "type", "bridge")
            _ip("-n", self._name, "link", "set", bridge, "up")
        for number, name in enumerate(self._nodes):
            line = f"line{number}"
            _ip("netns", "add", name)
            _ip(
                *("-n", self._name, "link", "add", line, "type", "veth"),
                *("peer", "name", "eth0", "netns", name),
            )
            _ip("-n", self._name, "link", "set", line, "up", "master", "left")
            _ip("-n", name, "addr", "add", f"{self.address(number)}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", name, "link", "set", "lo", "up")

    def remove(self) -> None:
        """Remove what was made."""
        for reaching in self._reaching:
            reaching.shutdown()
        for name in (*self._nodes, self._name):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    @staticmethod
    def address(number: int) -> str:
        """A node's address on the switch."""
        return f"10.77.0.{number + 1}"

    def plug_in(self, net: Net) -> None:
        """Have the nodes of a net, not started yet, run in the namespaces."""
        places = [
            f"{node.node.id}@{self.address(number)}:{_PORT}"
            for number, node in enumerate(net.nodes)
        ]
        for number, node in enumerate(net.nodes):
            home = node.node.home
            listen = json.dumps(f"{self.address(number)}:{_PORT}")
            others = json.dumps([place for place in places if place != places[number]])
            set_option(home, "consortium", "listen", listen)
            set_option(home, "consortium", "peers", others)
            node.prefix = ("ip", "netns", "exec", self._nodes[number])
            node.inside = ThreadPoolExecutor(
                _THREADS, initializer=_enter, initargs=(self._nodes[number],)
            )
            self._reaching.append(node.inside)

    def cut(self, away: Sequence[int]) -> None:
        """These nodes reach one another and nobody else."""
        for number in away:
            _ip("-n", self._name, "link", "set", f"line{number}", "master", "right")

    def whole(self) -> None:
        """All reach all."""
        for number in range(len(self._nodes)):
            _ip("-n", self._name, "link", "set", f"line{number}", "master", "left")


def _enter(name: str) -> None:
    """Have this thread's sockets be of a namespace (setns(2); `os.setns` came with Python 3.12)."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(Path("/run/netns") / name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(descriptor, _NEW_NET):
            raise OSError(ctypes.get_errno(), f"namespace {name} cannot be entered")
    finally:
        os.close(descriptor)


@contextmanager
def switch_for(count: int) -> Iterator[Switch]:
    """A switch; removed in the end. Where there can be none, root in CI fails, and others skip."""
    switch = Switch(count)
    try:
        try:
            switch.make()
        except (OSError, subprocess.CalledProcessError) as error:
            told = getattr(error, "stderr", "") or str(error)
            why = f"network namespaces (iproute2's `ip netns`, as root): {told.strip()}"
            if os.environ.get("CI") == "true" and os.geteuid() == 0:
                pytest.fail(why)
            pytest.skip(why)
        yield switch
    finally:
        switch.remove()
