"""Where an attestation stands on the chain, by its transaction or by the contract's own events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chaincode_adapters.errors import Unreachable
from chaincode_adapters.evm.contract import AnchorContract
from chaincode_adapters.evm.rpc import (
    Block,
    EvmNode,
    RpcFault,
    read_data,
    read_mapping,
    read_quantity,
    read_sequence,
)
from chaincode_adapters.port import Signed
from node.core.anchors.evm_block import ANCHORED_TOPIC, ATTESTED_TOPIC
from node.core.anchors.point import AnchorPoint

__all__ = ["Found", "Seeker"]

_BLOCKS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Found:
    """An event of the contract: which transaction, the how many-th of which block."""

    txid: str
    block: bytes
    number: int
    index: int


@dataclass(frozen=True)
class Seeker:
    """Finds what ``account`` has attested at ``contract``. Before ``from_block`` nothing is."""

    node: EvmNode
    contract: AnchorContract
    account: bytes
    from_block: int

    def attested(self, point: AnchorPoint, attempts: Sequence[Signed]) -> Found | None:
        """The attestation of this point that the chain has, by whichever transaction."""
        for attempt in reversed(attempts):
            found = self._by_receipt(point, attempt.external_tx)
            if found is not None:
                return found
        if not self.contract.has_attested(point.size, self.account):
            return None
        if not self.contract.held(point.size).is_of(point):
            return None
        found = self._by_event(point, _attested_topics(point, self.account))
        if found is None:
            raise Unreachable(
                "the contract says that this account attested the point, and the node does not "
                "find the event"
            )
        return found

    def confirmed(self, point: AnchorPoint, own: Found, final: int) -> Found:
        """The event by which the point was confirmed, if a block up to ``final`` has it; else
        ``own``. So that members show the same block, where they can."""
        by_own = self._by_receipt(point, own.txid, confirmed=True)
        if by_own is not None:
            return by_own
        if not self.contract.held(point.size).confirmed_at:
            return own
        found = self._by_event(point, _anchored_topics(point))
        return found if found is not None and found.number <= final else own

    def canonical(self, found: Found) -> Block | None:
        """The block of an event, if it is the chain's block of that number."""
        block = self.node.block(found.number)
        return block if block is not None and block.hash == found.block else None

    def _by_receipt(
        self, point: AnchorPoint, txid: str, *, confirmed: bool = False
    ) -> Found | None:
        """The event of this transaction; None where it is in no block, failed, or changed nothing
        because the point had been attested before."""
        receipt = self.node.receipt(txid)
        if receipt is None or receipt.get("blockHash") is None:
            return None
        if read_quantity(receipt.get("status"), "receipt.status") != 1:
            return None
        wanted = _anchored_topics(point) if confirmed else _attested_topics(point, self.account)
        for log in read_sequence(receipt.get("logs"), "receipt.logs"):
            if self._is_event(read_mapping(log, "log"), point, wanted):
                return _found(receipt, txid)
        return None

    def _is_event(self, log: dict[str, object], point: AnchorPoint, wanted: list[bytes]) -> bool:
        topics = read_sequence(log.get("topics"), "log.topics")
        return (
            read_data(log.get("address"), "log.address") == self.contract.address
            and [read_data(one, "log.topics") for one in topics] == wanted
            and read_data(log.get("data"), "log.data") == point.root + point.digest()
        )

    def _by_event(self, point: AnchorPoint, wanted: list[bytes]) -> Found | None:
        """The newest such event of the contract."""
        latest = self.node.number("eth_blockNumber")
        for first, last in self._ranges(latest):
            try:
                logs = self.node.logs(self.contract.address, wanted, first, last)
            except RpcFault:
                if (first, last) != (self.from_block, latest):
                    raise
                continue  # more blocks at once than the node allows: then by parts
            events = [log for log in logs if self._is_event(log, point, wanted)]
            if events:
                txid = f"0x{read_data(events[-1].get('transactionHash'), 'log', 32).hex()}"
                return _found(events[-1], txid)
            if first == self.from_block:
                return None
        return None

    def _ranges(self, latest: int) -> Iterator[tuple[int, int]]:
        """All blocks, and then the same in parts, newest first."""
        yield self.from_block, latest
        last = latest
        while last >= self.from_block:
            first = max(last - _BLOCKS_AT_ONCE + 1, self.from_block)
            yield first, last
            last = first - 1


def _attested_topics(point: AnchorPoint, account: bytes) -> list[bytes]:
    return [ATTESTED_TOPIC, point.size.to_bytes(32, "big"), account.rjust(32, b"\x00")]


def _anchored_topics(point: AnchorPoint) -> list[bytes]:
    return [ANCHORED_TOPIC, point.size.to_bytes(32, "big")]


def _found(fields: dict[str, object], txid: str) -> Found:
    return Found(
        txid=txid,
        block=read_data(fields.get("blockHash"), "blockHash", 32),
        number=read_quantity(fields.get("blockNumber"), "blockNumber"),
        index=read_quantity(fields.get("transactionIndex"), "transactionIndex"),
    )
