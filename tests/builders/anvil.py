"""anvil, a real JSON-RPC node of an EVM chain, for one test or one module."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from builders.contract_tools import command

__all__ = ["ANVIL_CHAIN", "ANVIL_KEYS", "Anvil", "anvil"]

ANVIL_CHAIN = 31337
ANVIL_KEYS = (
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
)
"""Published with anvil: of the first of its accounts, which have 10,000 ether each."""
_LISTENING = re.compile(r"Listening on (127\.0\.0\.1:\d+)")


class Anvil:
    """A node that runs. ``url`` is where it listens."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(timeout=30, trust_env=False)

    def ask(self, method: str, *params: Any) -> Any:
        """The result of one request; raises AssertionError for an error."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = self._client.post(self.url, json=body).json()
        assert "result" in answer, answer
        return answer["result"]

    def mine(self, count: int = 1) -> None:
        """Make blocks, the first of which takes what waits."""
        self.ask("anvil_mine", hex(count))

    def reorganize(self, depth: int) -> None:
        """Replace the newest ``depth`` blocks by empty ones."""
        self.ask("anvil_reorg", depth, [])

    @property
    def height(self) -> int:
        """The newest block's number."""
        return int(self.ask("eth_blockNumber"), 16)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


@contextmanager
def anvil(*arguments: str) -> Iterator[Anvil]:
    """A node that listens at a free port of 127.0.0.1; killed in the end."""
    process = subprocess.Popen(
        [
            str(command("anvil")),
            *("--port", "0", "--host", "127.0.0.1", "--hardfork", "paris"),
            *arguments,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    found: list[str] = []
    ready = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            match = _LISTENING.search(line)
            if match is not None:
                found.append(match[1])
                ready.set()
        ready.set()

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    try:
        assert ready.wait(60), "".join(lines)
        assert found, "".join(lines)
        node = Anvil(f"http://{found[0]}")
        try:
            yield node
        finally:
            node.close()
    finally:
        process.kill()
        process.wait(10)
        reading.join(10)
        assert process.stdout is not None
        process.stdout.close()
