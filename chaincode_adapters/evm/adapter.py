"""The adapter of EVM chains: the same for a node behind JSON-RPC and the chain in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from chaincode_adapters.errors import Unreachable
from chaincode_adapters.evm.attesting import Attesting, Connection, Profile
from chaincode_adapters.port import Final, Receipt, Signed, Standing
from node.core.anchors.point import AnchorPoint

__all__ = ["EvmAdapter"]


class EvmAdapter:
    """See `AnchorAdapter`. ``connect`` makes the connection when it is opened."""

    def __init__(self, profile: Profile, connect: Callable[[], Connection]) -> None:
        self.name = profile.name
        self.kind = profile.kind
        self.chain = profile.chain
        self.in_flight = profile.in_flight
        self.poll_ms = profile.poll_ms
        self._profile = profile
        self._connect = connect
        self._open: Attesting | None = None

    def open(self) -> None:
        """See the port. Raises Misconfigured: another chain, contract or ledger than configured."""
        self.close()
        connection = self._connect()
        opened = Attesting(self._profile, connection)
        try:
            with opened.asking():
                opened.check()
        except BaseException:
            connection.node.close()
            raise
        self._open = opened

    def close(self) -> None:
        """See the port."""
        opened, self._open = self._open, None
        if opened is not None:
            opened.node.close()

    def sign(self, point: AnchorPoint, attempts: Sequence[Signed]) -> Signed:
        """See the port. What this account has attested already is signed no more: what comes back
        has the transaction that did, and nothing to send."""
        with self._opened() as opened:
            return opened.sign(point, attempts)

    def send(self, point: AnchorPoint, signed: Signed) -> bytes:
        """See the port."""
        with self._opened() as opened:
            opened.send(point, signed)
        return b""

    def look_up(self, point: AnchorPoint, attempts: Sequence[Signed], answer: bytes) -> Standing:
        """See the port."""
        with self._opened() as opened:
            return opened.look_up(point, attempts)

    def receipt(
        self, point: AnchorPoint, attempts: Sequence[Signed], answer: bytes, final: Final
    ) -> Receipt:
        """See the port. Raises Conflicting: the chain denies a block that was final."""
        with self._opened() as opened:
            return opened.receipt(point, attempts, final)

    def trust_entry(self) -> dict[str, Any]:
        """See the port. No block is pinned in it. Raises Unreachable: it has not been opened."""
        with self._opened() as opened:
            return opened.trust_entry()

    @contextmanager
    def _opened(self) -> Iterator[Attesting]:
        if self._open is None:
            raise Unreachable(f"{self.name} is not open")
        with self._open.asking():
            yield self._open
