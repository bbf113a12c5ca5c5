"""The engine's JSON-RPC, over a unix socket that nobody else can reach."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from node.core.block import Commit, Header, ValidatorSet
from node.core.errors import EvidenceError, InvalidEncoding
from node.engines.cometbft.rpc_json import read_commit, read_header, read_validators

__all__ = ["Accepted", "EngineRpc", "RpcRefused", "RpcUnreachable"]

_TIMEOUT_SECONDS = 10.0
_VALIDATORS_A_PAGE = 100


class RpcUnreachable(EvidenceError):
    """The engine does not answer: it is starting, stopping, or dead."""


class RpcRefused(EvidenceError):
    """The engine answers a call with an error; its text is the engine's."""


@dataclass(frozen=True)
class Accepted:
    """What the mempool said of a frame: 0, or the application's code and its reason."""

    code: int
    log: str


class EngineRpc:
    """Calls of the engine whose socket is ``path``. For one event loop."""

    def __init__(self, path: Path) -> None:
        # A socket's path may have 107 bytes only; its directory's descriptor is shorter.
        self._directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        transport = httpx.AsyncHTTPTransport(uds=f"/proc/self/fd/{self._directory}/{path.name}")
        self._client = httpx.AsyncClient(
            transport=transport, base_url="http://engine", timeout=_TIMEOUT_SECONDS
        )
        self._calls = 0

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1

    async def call(self, method: str, **parameters: Any) -> Any:
        """Call ``method`` and return its result.

        Raises:
            RpcUnreachable: there is no answer.
            RpcRefused: the answer is an error.
        """
        self._calls += 1
        request = {"jsonrpc": "2.0", "id": self._calls, "method": method, "params": parameters}
        try:
            answer = (await self._client.post("/", json=request)).json()
        except (httpx.HTTPError, ValueError) as error:
            raise RpcUnreachable(f"the engine does not answer {method}: {error!r}") from error
        if not isinstance(answer, dict) or ("result" in answer) == ("error" in answer):
            raise RpcUnreachable(f"the engine's answer to {method} is none")
        if "error" in answer:
            told = answer["error"] if isinstance(answer["error"], dict) else {}
            raise RpcRefused(f"{told.get('message', '')}: {told.get('data', '')}")
        return answer["result"]

    async def latest_height(self) -> int:
        """The height of the newest block that the engine has stored."""
        status = await self.call("status")
        return _decimal(status, "sync_info", "latest_block_height")

    async def is_catching_up(self) -> bool:
        """Whether the engine still fetches blocks that the others have."""
        status = await self.call("status")
        sync = status.get("sync_info") if isinstance(status, dict) else None
        told = sync.get("catching_up") if isinstance(sync, dict) else None
        if type(told) is not bool:
            raise InvalidEncoding("sync_info.catching_up", "must be true or false")
        return told

    async def connected_peers(self) -> set[str]:
        """The ids of the nodes that the engine is connected with."""
        result = await self.call("net_info")
        peers = result.get("peers") if isinstance(result, dict) else None
        if not isinstance(peers, list):
            raise InvalidEncoding("net_info.peers", "must be a list")
        infos = [peer.get("node_info") if isinstance(peer, dict) else None for peer in peers]
        return {str(info.get("id")) for info in infos if isinstance(info, dict)}

    async def dial(self, peers: Sequence[str]) -> None:
        """Have the engine connect with these peers, as ``<node id>@host:port``, soon."""
        await self.call("dial_peers", peers=list(peers), persistent=True)

    async def signed_header(self, height: int) -> tuple[Header, Commit]:
        """The header at ``height`` and a commit of it.

        Raises:
            RpcRefused: the engine does not have it, or not yet.
            InvalidEncoding: what it answers is none.
        """
        result = await self.call("commit", height=str(height))
        signed = result.get("signed_header") if isinstance(result, dict) else None
        if not isinstance(signed, dict) or not signed.get("header") or not signed.get("commit"):
            raise RpcRefused(f"there is no commit of height {height}")
        place = f"commit of height {height}"
        return (
            read_header(signed["header"], f"{place}, header"),
            read_commit(signed["commit"], f"{place}, commit"),
        )

    async def validators(self, height: int) -> ValidatorSet:
        """The validators that sign the block at ``height``. Raises as `signed_header`."""
        found: list[Any] = []
        page, total = 0, 1
        while len(found) < total:
            page += 1
            result = await self.call(
                "validators",
                height=str(height),
                page=str(page),
                per_page=str(_VALIDATORS_A_PAGE),
            )
            some = result.get("validators") if isinstance(result, dict) else None
            if not isinstance(some, list) or not some:
                raise InvalidEncoding(f"validators of height {height}", "must be a list")
            found += some
            total = _decimal(result, "total")
        return read_validators(found, f"validators of height {height}")

    async def broadcast(self, frame: bytes) -> Accepted:
        """Hand a frame to the mempool. Raises RpcRefused, such as where it has it already."""
        result = await self.call("broadcast_tx_async", tx=b64encode(frame).decode("ascii"))
        if not isinstance(result, dict) or type(result.get("code")) is not int:
            raise RpcUnreachable("the engine's answer to broadcast_tx_async is none")
        return Accepted(result["code"], str(result.get("log", "")))


def _decimal(value: Any, *names: str) -> int:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, str) or not value.isdecimal():
        raise InvalidEncoding(".".join(names), "must be an integer in decimal")
    return int(value)
