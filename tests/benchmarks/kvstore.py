"""CometBFT's own kvstore under the same bytes: what the consortium's rate is set against.

Four validators with the unchanged CometBFT, its application inside the engine's process, with the
settings that the nodes give their engines. It checks no signature and keeps everything in memory.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import shutil
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from node.demo.testnet import Testnet
from node.engines.cometbft.engine_home import RPC_SOCKET, EngineHome, EngineSettings
from node.wiring import EdKey

__all__ = ["kvstore_rate"]

_BATCH = 50
_WAITING = (1_000, 4_000)
"""Transactions in a mempool beyond which no more is sent. Which is best depends on the machine: the
better rate counts."""
_CHANGES = (
    ('proxy_app = "unix://abci.sock"', 'proxy_app = "kvstore"'),
    ("[rpc]", "[rpc]\nmax_request_batch_size = 0"),
    ("\nsize = 2000", "\nsize = 20000"),
    ("cache_size = 20000", "cache_size = 200000"),
)


class _Rpc(http.client.HTTPConnection):
    """JSON-RPC over a unix socket, several calls in one request."""

    def __init__(self, path: Path) -> None:
        super().__init__("engine", timeout=30)
        self._path = path

    def connect(self) -> None:
        """See HTTPConnection. A socket's path may have 107 bytes; its directory's is shorter."""
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(f"/proc/self/fd/{directory}/{self._path.name}")
        finally:
            os.close(directory)

    def post(self, body: bytes) -> Any:
        self.request("POST", "/", body, {"Content-Type": "application/json"})
        return json.loads(self.getresponse().read())

    def call(self, method: str, **parameters: Any) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        return self.post(json.dumps(request).encode())["result"]


def kvstore_rate(net: Testnet, binary: Path, load: Iterator[bytes], seconds: float) -> float:
    """Transactions a second that four validators commit, after a few seconds to get going.

    Args:
        net: homes, of which the engines' directories are used, made anew.
        binary: the unchanged CometBFT.
        load: transactions, each used once.
        seconds: to measure.
    """
    rates = []
    with _running(net, binary) as nodes:
        for waiting in _WAITING:
            _feed(nodes, load, 3.0, waiting)
            first = _height(nodes[0])
            _feed(nodes, load, seconds, waiting)
            last = _height(nodes[0])
            rates.append(_committed(nodes[0], first, last))
    return max(rates)


@contextmanager
def _running(net: Testnet, binary: Path) -> Iterator[list[_Rpc]]:
    processes = []
    try:
        nodes = []
        for node in net.nodes:
            home = node.home / "engine"
            shutil.rmtree(home, ignore_errors=True)
            peers = tuple(
                f"{other.id}@127.0.0.1:{other.p2p_port}" for other in net.nodes if other is not node
            )
            keys = [EdKey.load(node.home / f"keys/{name}.pem") for name in ("validator", "node")]
            settings = EngineSettings(f"127.0.0.1:{node.p2p_port}", peers)
            EngineHome(home).write(net.genesis, keys[0], keys[1], settings)
            config = home / "config/config.toml"
            text = config.read_text("utf-8").replace("filter_peers = true", "filter_peers = false")
            for before, after in _CHANGES:
                if before not in text:
                    raise AssertionError(f"config.toml has no {before!r}")
                text = text.replace(before, after)
            config.write_text(text, "utf-8")
            log = (home / "log").open("wb")
            processes.append(
                subprocess.Popen(
                    [str(binary), "start", "--home", "."], cwd=home, stdout=log, stderr=log
                )
            )
            nodes.append(_Rpc(home / RPC_SOCKET))
        for rpc in nodes:
            _wait(rpc)
        yield nodes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(60)


def _wait(rpc: _Rpc) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if int(rpc.call("status")["sync_info"]["latest_block_height"]) > 1:
                return
        except (OSError, http.client.HTTPException):
            rpc.close()
        time.sleep(0.1)
    raise TimeoutError("the kvstore's engines did not start")


def _feed(nodes: Sequence[_Rpc], load: Iterator[bytes], seconds: float, waiting: int) -> None:
    """Keep the mempools filled with so many transactions."""
    until = time.monotonic() + seconds
    for rpc in itertools.cycle(nodes):
        if time.monotonic() > until:
            return
        if int(rpc.call("num_unconfirmed_txs")["n_txs"]) > waiting:
            time.sleep(0.005)
            continue
        calls = []
        for raw in itertools.islice(load, _BATCH):
            # A transaction of the kvstore is key=value.
            text = b64encode(raw.replace(b".", b"=", 1)).decode("ascii")
            calls.append(
                f'{{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_async","params":{{"tx":"{text}"}}}}'
            )
        if not calls:
            raise RuntimeError("the load was too small")
        for answer in rpc.post(f"[{','.join(calls)}]".encode()):
            if "error" in answer:
                raise RuntimeError(f"the kvstore's mempool: {answer['error']}")


def _height(rpc: _Rpc) -> int:
    return int(rpc.call("status")["sync_info"]["latest_block_height"])


def _committed(rpc: _Rpc, first: int, last: int) -> float:
    """Transactions a second in the blocks behind ``first`` up to ``last``, by the blocks' times."""
    metas: dict[int, Any] = {}
    for low in range(first, last + 1, 20):
        high = min(last, low + 19)
        told = rpc.call("blockchain", minHeight=str(low), maxHeight=str(high))
        metas.update({int(meta["header"]["height"]): meta for meta in told["block_metas"]})
    count = sum(int(metas[height]["num_txs"]) for height in range(first + 1, last + 1))
    took = _time(metas[last]) - _time(metas[first])
    return count / took


def _time(meta: Any) -> float:
    text = meta["header"]["time"]
    return datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00").timestamp()
