"""How a point is attested on an EVM chain: what is signed, sent, looked up, and proven."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chaincode_adapters.errors import (
    Conflicting,
    Misconfigured,
    Overtaken,
    Refused,
    SignAnew,
    Unreachable,
)
from chaincode_adapters.evm.account import EvmAccount
from chaincode_adapters.evm.contract import AnchorContract, NotRising, contract_build
from chaincode_adapters.evm.headers import header_preimage
from chaincode_adapters.evm.pricing import Price, Pricing
from chaincode_adapters.evm.proving import Prover
from chaincode_adapters.evm.rpc import (
    Block,
    EvmNode,
    Fault,
    RpcFault,
    read_data,
    read_quantity,
)
from chaincode_adapters.evm.standing import Found, Seeker
from chaincode_adapters.port import Final, Included, Missing, Pending, Receipt, Signed, Standing
from node.core.anchors.evm_block import attest_call
from node.core.anchors.point import AnchorPoint

__all__ = ["Attesting", "Connection", "Profile"]

_RECEIPT_KIND = "evm"


@dataclass(frozen=True)
class Profile:
    """What the settings say of a chain. ``depth`` is None where the chain itself says what is
    final."""

    name: str
    kind: str
    chain: str
    operator: str
    chain_id: int
    ledger: bytes
    in_flight: int
    poll_ms: int
    gas_limit: int
    pricing: Pricing
    depth: int | None = None
    from_block: int = 0
    development: bool = False


@dataclass(frozen=True)
class Connection:
    """A node, the account that anchors, and the contract's address (20 bytes)."""

    node: EvmNode
    account: EvmAccount
    contract: bytes


class Attesting:
    """Attests points at one contract, by one account, while it is connected.

    Its methods are those of the port (`AnchorAdapter`), to be called within `asking`.
    """

    def __init__(self, profile: Profile, connection: Connection) -> None:
        self.node = connection.node
        self._profile = profile
        self._account = connection.account
        self._contract = AnchorContract(self.node, connection.contract)
        self._seeker = Seeker(self.node, self._contract, self._account.address, profile.from_block)
        self._genesis = b""
        self._proves = True

    @contextmanager
    def asking(self) -> Iterator[None]:
        """The time of one call of the port; an error of the node that nothing else has made of it
        means that it gives no usable answer."""
        self.node.begin()
        try:
            yield
        except RpcFault as error:
            raise Unreachable(f"{self.node.origin}: {error}") from error
        except NotRising as error:
            raise Overtaken(
                f"{error}, whose anchor covers this one: sizes of one account only rise"
            ) from error

    def check(self) -> None:
        """That everything is what the settings say; and what the node can do."""
        chain_id = self.node.number("eth_chainId")
        if chain_id != self._profile.chain_id:
            raise Misconfigured(
                f"chain_id: {self.node.origin} is of chain {chain_id}, not {self._profile.chain_id}"
            )
        code = self._contract.code()
        address = f"0x{self._contract.address.hex()}"
        if not code and self._catches_up():
            raise Unreachable(f"{self.node.origin} is still catching up with its chain")
        if not code:
            raise Misconfigured(f"contract: nothing is at {address} on chain {chain_id}")
        if not contract_build().is_code(code):
            raise Misconfigured(f"contract: the code at {address} is not that of this release")
        ledger = self._contract.ledger()
        if ledger != self._profile.ledger:
            raise Misconfigured(
                f"contract: {address} is of the ledger {ledger.hex()}, "
                f"not of {self._profile.ledger.hex()}"
            )
        self._genesis = self._need_block(0).hash
        self._proves = header_preimage(self._need_block("latest")) is not None
        try:
            self._final_height()
        except RpcFault as error:
            raise Misconfigured(
                f"depth: must be set, since {self.node.origin} tells no finalized block: {error}"
            ) from error

    def _catches_up(self) -> bool:
        """Whether the node has not come as far as the contract yet, and cannot know of it."""
        try:
            if self.node.ask("eth_syncing"):
                return True
        except RpcFault:
            pass
        return self.node.number("eth_blockNumber") < self._profile.from_block

    def sign(self, point: AnchorPoint, attempts: Sequence[Signed]) -> Signed:
        """A transaction that attests; or that which did, with nothing to send."""
        found = self._seeker.attested(point, attempts)
        if found is not None:
            return Signed(found.txid, b"")
        self._contract.check_attest(point, self._account.address)
        nonce, replaced = self._nonce(attempts)
        price = self._profile.pricing.quote(self.node, replaced)
        txid, payload = self._account.sign(
            {
                "chainId": self._profile.chain_id,
                "to": self._contract.address,
                "value": 0,
                "data": attest_call(point),
                "gas": self._profile.gas_limit,
                "nonce": nonce,
                **price.fields(),
            }
        )
        return Signed(txid, payload, {"nonce": nonce, **price.memo()})

    def _nonce(self, attempts: Sequence[Signed]) -> tuple[int, list[Price]]:
        """The nonce for a new attempt, and the prices of those that it replaces.

        An earlier attempt whose nonce is free yet is replaced by one of the same nonce, so that the
        two cannot stand beside each other. Where somebody else's transaction has taken it or waits
        for it, or where nonces before it are missing, the next free one is used.
        """
        done, next_free = self._count("latest"), self._count("pending")
        open_ones = [one for one in attempts if _nonce_of(one) >= done]
        known = [one for one in open_ones if self.node.transaction(one.external_tx) is not None]
        nonce = max((_nonce_of(one) for one in known), default=next_free)
        replaced = [Price.of_memo(one.memo) for one in open_ones if _nonce_of(one) == nonce]
        return nonce, [price for price in replaced if price is not None]

    def _count(self, at: str) -> int:
        address = f"0x{self._account.address.hex()}"
        return self.node.number("eth_getTransactionCount", address, at)

    def send(self, point: AnchorPoint, signed: Signed) -> None:
        """Give the node a transaction."""
        if not signed.payload:
            return
        try:
            answer = self.node.ask("eth_sendRawTransaction", f"0x{signed.payload.hex()}")
        except RpcFault as error:
            self._sent_in_vain(point, signed, error)
            return
        if f"0x{read_data(answer, 'eth_sendRawTransaction').hex()}" != signed.external_tx:
            raise Unreachable(f"{self.node.origin}: took the transaction for another")

    def _sent_in_vain(self, point: AnchorPoint, signed: Signed, error: RpcFault) -> None:
        """What a node's refusal of a transaction means; nothing where it had it already."""
        fault = error.fault
        if fault is Fault.KNOWN:
            return
        if fault is Fault.NONCE:
            if self.node.receipt(signed.external_tx) is not None:
                return
            raise SignAnew(f"another transaction took nonce {_nonce_of(signed)}") from error
        if fault is Fault.PRICE:
            raise SignAnew(f"the price is too low: {error.message}") from error
        if fault is Fault.FUNDS:
            raise Unreachable(
                f"account 0x{self._account.address.hex()} cannot pay: {error.message}", 60.0
            ) from error
        if fault is Fault.REVERT:
            self._contract.refusal(point, error)
        if fault is Fault.INVALID:
            raise Refused(f"the node refuses the transaction: {error.message}") from error
        raise error

    def look_up(self, point: AnchorPoint, attempts: Sequence[Signed]) -> Standing:
        """Where the point stands, by whichever transaction of the account."""
        found = self._seeker.attested(point, attempts)
        if found is not None:
            return self._standing(found)
        self._contract.check_attest(point, self._account.address)
        if not attempts:
            return Missing()
        if any(self._waits(attempt) for attempt in reversed(attempts) if attempt.payload):
            return Pending()
        done = self._count("latest")
        if all(_nonce_of(attempt) < done for attempt in attempts):
            # It may have been included after it was looked for.
            found = self._seeker.attested(point, attempts)
            if found is not None:
                return self._standing(found)
            raise SignAnew("other transactions took the nonces of all attempts")
        return Missing()

    def _waits(self, attempt: Signed) -> bool:
        """Whether the node knows the transaction, and it can still get into a block.

        Raises:
            SignAnew: it pays too little.
            Refused: it is in one, and had too little gas.
        """
        known = self.node.transaction(attempt.external_tx)
        if known is None:
            return False
        if known.get("blockHash") is None:
            price = Price.of_memo(attempt.memo)
            if price is not None and self._profile.pricing.is_too_low(self.node, price):
                raise SignAnew(f"transaction {attempt.external_tx} pays less than blocks take")
            return True
        receipt = self.node.receipt(attempt.external_tx) or {}
        used = read_quantity(receipt.get("gasUsed", "0x0"), "receipt.gasUsed")
        if receipt.get("status") == "0x0" and used > self._profile.gas_limit * 9 // 10:
            raise Refused(f"transaction {attempt.external_tx} ran out of gas: gas_limit is too low")
        return False

    def _standing(self, found: Found) -> Standing:
        block = self._seeker.canonical(found)
        if block is None:
            return Pending()  # in a block that the chain has left, or that it is about to have
        if found.number <= self._final_height():
            return Final(found.txid, found.number, found.block.hex(), block.time * 1000)
        return Included(found.txid, found.number, found.block.hex())

    def _final_height(self) -> int:
        """The highest final block; below 0 where there is none yet."""
        if self._profile.depth is not None:
            return self.node.number("eth_blockNumber") - self._profile.depth
        block = self.node.block("finalized")
        return -1 if block is None else block.number

    def receipt(self, point: AnchorPoint, attempts: Sequence[Signed], final: Final) -> Receipt:
        """What proves it, checked as a verifier would."""
        block = self._need_block(final.height)
        if block.hash.hex() != final.mark:
            raise Conflicting(
                f"chain {self._profile.chain_id} had block {final.height} of hash 0x{final.mark} "
                f"as final, and now has 0x{block.hash.hex()} there"
            )
        own = self._seeker.attested(point, attempts)
        if own is None:
            raise Unreachable("the node no longer knows of the attestation")
        if not self._proves:
            return self._without_proof(attempts, own, final)
        shown = self._seeker.confirmed(point, own, self._final_height())
        shown_block = self._seeker.canonical(shown)
        if shown_block is None:
            raise Unreachable(f"the node has another block {shown.number} than its events say")
        prover = Prover(self.node, self._contract.address, self.trust_entry())
        content, time = prover.prove(point, shown_block, shown.index)
        return Receipt(_RECEIPT_KIND, content, own.txid, shown.number, time)

    def _without_proof(self, attempts: Sequence[Signed], own: Found, final: Final) -> Receipt:
        """The transaction itself, which says where to ask, where no proof leads to a block."""
        payloads = (one.payload for one in attempts if one.external_tx == own.txid)
        payload = next((one for one in payloads if one), b"")
        if not payload:
            payload = read_data(self.node.ask("eth_getRawTransactionByHash", own.txid), "raw")
        content = {"transaction": payload.hex()}
        return Receipt(_RECEIPT_KIND, content, own.txid, own.number, final.time)

    def trust_entry(self) -> dict[str, Any]:
        """The chain's item of a trust file."""
        return {
            "blocks": [],
            "chain_id": self._profile.chain_id,
            "contract": self._contract.address.hex(),
            "development": int(self._profile.development),
            "genesis": self._genesis.hex(),
            "kind": _RECEIPT_KIND,
            "name": self._profile.name,
            "operator": self._profile.operator,
        }

    def _need_block(self, at: int | str) -> Block:
        block = self.node.block(at)
        if block is None:
            raise Unreachable(f"{self.node.origin}: has no block {at}")
        return block


def _nonce_of(attempt: Signed) -> int:
    """The nonce of an attempt; -1 of a transaction that had been there before."""
    return int(attempt.memo.get("nonce", -1))
