"""Receipts: the proofs that a node gives, put into the form of docs/spec/anchor-evm.md, and checked
as any verifier would before they are believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trie.hexary import HexaryTrie

from chaincode_adapters.errors import Unreachable
from chaincode_adapters.evm.headers import header_preimage
from chaincode_adapters.evm.rpc import (
    Block,
    EvmNode,
    RpcFault,
    read_data,
    read_mapping,
    read_quantity,
    read_sequence,
)
from node.core.anchors.evm import verify_evm
from node.core.anchors.evm_block import anchor_slots
from node.core.anchors.point import AnchorPoint
from node.core.anchors.rlp import RlpItem, encode_number, encode_rlp
from node.core.errors import InvalidInput
from node.core.signatures import load_backend
from node.core.trust import Trust
from node.core.verify_case import NotChecked

__all__ = ["Prover"]


@dataclass(frozen=True)
class Prover:
    """Makes receipts of one contract. ``entry`` is the chain's item of a trust file, with no block
    pinned."""

    node: EvmNode
    contract: bytes
    entry: dict[str, Any]

    def prove(self, point: AnchorPoint, block: Block, index: int) -> tuple[dict[str, Any], int]:
        """A receipt from ``block``, in which transaction number ``index`` attested ``point``.

        By the block's state where the node proves that, otherwise by the transaction's receipt.

        Returns:
            The receipt, and the time in ms that it shows.

        Raises:
            Unreachable: the node proves nothing, or its proof does not hold.
        """
        header = header_preimage(block)
        if header is None:
            raise Unreachable(f"block {block.number}: its hash is not that of its header")
        receipt = {
            "chain_id": self.entry["chain_id"],
            "contract": self.contract.hex(),
            "header": header.hex(),
        }
        state = self._state_proof(point, block)
        if state is None:
            receipt |= {"index": index, "receipt": self._receipt_proof(block, index)}
        else:
            receipt |= state
        return receipt, self._checked(receipt, point, block)

    def _state_proof(self, point: AnchorPoint, block: Block) -> dict[str, Any] | None:
        """The proofs of the contract's account and of the anchor's slots; None where the node has
        no such method, or has forgotten the block's state."""
        slots = [f"0x{slot.hex()}" for slot in anchor_slots(point.size)]
        address = f"0x{self.contract.hex()}"
        try:
            answer = self.node.ask("eth_getProof", address, slots, hex(block.number))
        except RpcFault:
            return None
        proof = read_mapping(answer, "eth_getProof")
        storage = read_sequence(proof.get("storageProof"), "eth_getProof.storageProof")
        return {
            "account": _nodes(proof.get("accountProof"), "eth_getProof.accountProof"),
            "storage": [
                _nodes(read_mapping(one, "eth_getProof").get("proof"), "eth_getProof.proof")
                for one in storage
            ],
        }

    def _receipt_proof(self, block: Block, index: int) -> list[str]:
        """The nodes from the block's receipts root to the receipt of a transaction."""
        tree = HexaryTrie({})
        for number, receipt in enumerate(self._receipts(block)):
            tree[_trie_key(number)] = _encode_receipt(receipt)
        root = read_data(block.fields.get("receiptsRoot"), "receiptsRoot", 32)
        if tree.root_hash != root:
            raise Unreachable(
                f"block {block.number}: the node's receipts do not lead to the block's root"
            )
        nodes = tree.get_proof(_trie_key(index))  # type: ignore[no-untyped-call]
        return [encode_rlp(node).hex() for node in nodes]

    def _receipts(self, block: Block) -> list[dict[str, Any]]:
        try:
            found = self.node.ask("eth_getBlockReceipts", hex(block.number))
        except RpcFault:
            found = None
        if found is None:
            hashes = read_sequence(block.fields.get("transactions"), "transactions")
            found = [self.node.receipt(_read_hash(one)) for one in hashes]
        return [
            read_mapping(one, "receipt") for one in read_sequence(found, "eth_getBlockReceipts")
        ]

    def _checked(self, receipt: dict[str, Any], point: AnchorPoint, block: Block) -> int:
        """Check a receipt as a verifier would who has compared the block. The time it shows."""
        pinned = {"number": block.number, "hash": block.hash.hex()}
        trust = Trust(
            chain_id=point.chain_id,
            genesis_hash=bytes(32),
            anchors=({**self.entry, "development": 0, "blocks": [pinned]},),
        )
        try:
            return verify_evm(receipt, point, trust, load_backend(), "receipt").time
        except (InvalidInput, NotChecked) as error:
            raise Unreachable(f"the node's proof does not hold: {error}") from error


def _trie_key(index: int) -> bytes:
    return encode_rlp(encode_number(index))


def _read_hash(value: Any) -> str:
    """A hash as nodes write it. Raises Unreachable."""
    return f"0x{read_data(value, 'hash', 32).hex()}"


def _nodes(value: Any, name: str) -> list[str]:
    return [read_data(one, name).hex() for one in read_sequence(value, name)]


def _encode_receipt(receipt: dict[str, Any]) -> bytes:
    """A receipt as its trie has it (Yellow Paper §4.4.1, EIP-658, EIP-2718)."""
    logs: list[RlpItem] = []
    for one in read_sequence(receipt.get("logs"), "receipt.logs"):
        log = read_mapping(one, "log")
        topics = read_sequence(log.get("topics"), "log.topics")
        logs.append(
            [
                read_data(log.get("address"), "log.address", 20),
                [read_data(topic, "log.topics", 32) for topic in topics],
                read_data(log.get("data"), "log.data"),
            ]
        )
    body = encode_rlp(
        [
            encode_number(read_quantity(receipt.get("status"), "receipt.status")),
            encode_number(read_quantity(receipt.get("cumulativeGasUsed"), "cumulativeGasUsed")),
            read_data(receipt.get("logsBloom"), "receipt.logsBloom", 256),
            logs,
        ]
    )
    kind = read_quantity(receipt.get("type", "0x0"), "receipt.type")
    return bytes((kind,)) + body if kind else body
