"""What the engine sees of the others: which peers are connected, and whether it is catching up.

CometBFT gives a lost peer up after a day of ever rarer attempts, and at once where a handshake
failed; its ``persistent_peers_max_dial_period`` holds for peer exchange alone, which is off here.
So peers that are missing are dialled from here, for as long as the node runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import structlog

from node.core.errors import InvalidEncoding
from node.engines.cometbft.rpc import EngineRpc, RpcRefused, RpcUnreachable

__all__ = ["Outlook", "Sight"]

_LOOK_SECONDS = 2.0
_DIAL_SECONDS = 15.0
_WHAT_TO_DO = (
    "see whether its node is up and the way to its port open, and whether its operator has this "
    "node among the peers; it is dialled again and again"
)


@dataclass(frozen=True)
class Sight:
    """What was seen last. ``missing`` holds the addresses of the peers that are not connected."""

    peers: int = 0
    missing: tuple[str, ...] = ()
    catching_up: bool = False

    def told(self) -> str:
        """For the operator."""
        connected = self.peers - len(self.missing)
        text = f"{connected} of {self.peers} peers are connected"
        return f"{text}, not {', '.join(self.missing)}" if self.missing else text


class Outlook:
    """Looks at the peers, as ``<node id>@host:port``, every two seconds. For one event loop."""

    def __init__(
        self,
        rpc: EngineRpc,
        peers: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rpc = rpc
        self._peers = {peer.partition("@")[0]: peer for peer in peers}
        self._clock = clock
        self._dialled = clock()
        self._told: frozenset[str] = frozenset()
        self._log = structlog.get_logger("peers")
        self.sight = Sight(len(self._peers), tuple(self._peers.values()))

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Look once, tell what has changed, and dial who has been missing for long."""
        try:
            connected = await self._rpc.connected_peers()
            catching_up = await self._rpc.is_catching_up()
        except (RpcUnreachable, RpcRefused, InvalidEncoding) as error:
            self._log.debug("the engine does not say who is connected", why=str(error))
            return
        missing = tuple(peer for name, peer in self._peers.items() if name not in connected)
        before, self.sight = self.sight, Sight(len(self._peers), missing, catching_up)
        for peer in before.missing:
            if peer not in missing:
                self._log.info("a peer is connected", peer=peer)
        lost = [peer for peer in missing if peer not in before.missing]
        self._warn("a peer is not connected any more", lost)
        self._told &= frozenset(missing)
        await self._dial(missing)

    def _warn(self, event: str, peers: Iterable[str]) -> None:
        for peer in peers:
            self._told |= {peer}
            self._log.warning(event, peer=peer, what_to_do=_WHAT_TO_DO)

    async def _dial(self, missing: Sequence[str]) -> None:
        now = self._clock()
        if not missing:
            self._dialled = now
        elif now - self._dialled >= _DIAL_SECONDS:
            self._dialled = now
            self._warn(
                "a peer has not been reached", [peer for peer in missing if peer not in self._told]
            )
            try:
                await self._rpc.dial(missing)
            except (RpcUnreachable, RpcRefused) as error:
                self._log.warning("the engine does not dial", peers=list(missing), why=str(error))
