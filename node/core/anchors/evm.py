"""Receipts of EVM chains: what a block shows of the anchor contract (docs/spec/anchor-evm.md).

A header bears no signature of its chain that could be checked here, and anybody can make one. So a
receipt counts only where the trust file pins the block's hash; otherwise it is said which block has
to be compared with a node of the chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from node.core.anchors.evm_block import (
    BlockHeader,
    Held,
    decode_header,
    verify_event,
    verify_state,
)
from node.core.anchors.evm_transaction import attesting_call
from node.core.anchors.evm_trust import EvmChain, evm_chains
from node.core.anchors.keccak import keccak256
from node.core.anchors.point import AnchorPoint
from node.core.anchors.vouching import Vouched
from node.core.encoding import decode_hex, rfc3339
from node.core.errors import InvalidProof
from node.core.fields import exact_members, read_each, read_integer, read_list, read_object
from node.core.signatures import Backend
from node.core.trust import Trust
from node.core.verify_case import NotChecked

__all__ = ["block_to_pin", "verify_evm"]

_MAX_HEADER = 16_384
_MAX_STATE_NODE = 1_024
_MAX_RECEIPT_PROOF = 65_536
_MAX_TRANSACTION = 65_536
_MAX_NODES = 64


@dataclass(frozen=True)
class _Proven:
    """A receipt that holds by itself."""

    chain_id: int
    contract: bytes
    header: BlockHeader
    held: Held


def verify_evm(
    receipt: Any, point: AnchorPoint, trust: Trust, backend: Backend, place: str
) -> Vouched:
    """See `VerifyReceipt`. No signature is in a receipt, so ``backend`` is not used."""
    chains = evm_chains(trust)
    if "transaction" in read_object(receipt, place):
        raise _no_proof(receipt, point, chains, place)
    proven = _read_proven(receipt, point, place)
    named = [
        one for one in chains if (one.chain_id, one.contract) == (proven.chain_id, proven.contract)
    ]
    if not named:
        raise NotChecked(*_unnamed(proven))
    for chain in named:
        if chain.development:
            raise NotChecked(*_development(chain, proven))
    number = proven.header.number
    pins = [one for one in named if number in one.blocks]
    for chain in pins:
        if chain.blocks[number] == proven.header.hash:
            return _vouched(chain, proven)
    if pins:
        raise InvalidProof(
            f"{place}.header", f"the trust file pins another block {number} of this chain"
        )
    raise NotChecked(*_unpinned(named[0], proven))


def block_to_pin(receipt: Any, place: str) -> dict[str, Any]:
    """The item for ``blocks`` of a trust file by which a receipt would count: ``number``, ``hash``.

    Whoever adds it must have compared it with a node of the chain first. Raises InvalidInput.
    """
    members = read_object(receipt, place)
    header = _read_header(members.get("header"), f"{place}.header")
    return {"hash": header.hash.hex(), "number": header.number}


def _read_header(value: Any, place: str) -> BlockHeader:
    return decode_header(_read_bytes(value, place, _MAX_HEADER), place)


def _read_bytes(value: Any, place: str, most: int) -> bytes:
    data = decode_hex(value, place=place)
    if len(data) > most:
        raise InvalidProof(place, f"must be at most {most} bytes")
    return data


def _read_proof(value: Any, place: str, most: int) -> tuple[bytes, ...]:
    def node(item: Any, at: str) -> bytes:
        return _read_bytes(item, at, most)

    return read_each(value, place, node, least=1, most=_MAX_NODES)


def _read_proven(receipt: Any, point: AnchorPoint, place: str) -> _Proven:
    """Decode a receipt and check its proof."""
    common = ("chain_id", "contract", "header")
    by_state = "account" in receipt
    own = ("account", "storage") if by_state else ("index", "receipt")
    members = exact_members(receipt, place, common + own)
    chain_id = read_integer(members["chain_id"], f"{place}.chain_id", least=1)
    contract = decode_hex(members["contract"], place=f"{place}.contract", length=20)
    header = _read_header(members["header"], f"{place}.header")
    if by_state:
        at = f"{place}.storage"
        proofs = read_list(members["storage"], at, least=3, most=3)
        storage = [_read_proof(one, f"{at}[{n}]", _MAX_STATE_NODE) for n, one in enumerate(proofs)]
        account = _read_proof(members["account"], f"{place}.account", _MAX_STATE_NODE)
        held = verify_state(header, contract, point, account, storage, place)
    else:
        index = read_integer(members["index"], f"{place}.index", most=2**32)
        at = f"{place}.receipt"
        proof = _read_proof(members["receipt"], at, _MAX_RECEIPT_PROOF)
        if sum(map(len, proof)) > _MAX_RECEIPT_PROOF:
            raise InvalidProof(at, f"must be at most {_MAX_RECEIPT_PROOF} bytes in all its nodes")
        held = verify_event(header, contract, point, index, proof, place)
    return _Proven(chain_id, contract, header, held)


def _time_of(proven: _Proven) -> int:
    """Since when the point must have existed, in ms: by the contract, else by the block."""
    return 1000 * (proven.held.confirmed_at or proven.header.time)


def _place_of(proven: _Proven) -> str:
    header = proven.header
    return (
        f"block {header.number} (0x{header.hash.hex()}), "
        f"contract 0x{proven.contract.hex()}, chain {proven.chain_id}"
    )


def _attested(held: Held) -> tuple[str, str]:
    """What the contract says of the point."""
    if held.confirmed and held.attestations is not None:
        return (
            f"confirmed by the threshold of its members (attestations: {held.attestations})",
            f"已达到成员门限而确认（背书账户数：{held.attestations}）",
        )
    if held.confirmed:
        return "confirmed by the threshold of its members", "已达到成员门限而确认"
    if held.attestations is None:
        return (
            "attested by one member's account; the threshold is not shown to be reached",
            "已由一个成员账户背书；未显示达到门限",
        )
    return (
        "attested, the threshold of its members not reached yet "
        f"(attestations: {held.attestations})",
        f"当时尚未达到成员门限（背书账户数：{held.attestations}）",
    )


def _vouched(chain: EvmChain, proven: _Proven) -> Vouched:
    said, said_zh = _attested(proven.held)
    return Vouched(
        by=f"{chain.operator} ({chain.name})",
        time=_time_of(proven),
        where=_place_of(proven),
        how=(
            f"the anchor contract holds it, {said}: proven to the block that the trust file pins; "
            "that this block is of the chain rests on the trust file, not on this proof"
        ),
        how_zh=(
            f"锚定合约已载有该锚点，{said_zh}：已证明至信任文件所固定的区块；"
            "该区块属于该链，以信任文件为准，非由本证明得出"
        ),
    )


def _development(chain: EvmChain, proven: _Proven) -> tuple[str, str, tuple[str, ...]]:
    said, said_zh = _attested(proven.held)
    return (
        f"{chain.name} is a node's own development chain, which vouches for nothing to third "
        f"parties; by itself the proof holds ({said})",
        f"{chain.name} 是节点自带的开发链，对第三方不具任何证明力；证明本身成立（{said_zh}）",
        (_place_of(proven),),
    )


def _holds_within(proven: _Proven) -> tuple[str, str]:
    said, said_zh = _attested(proven.held)
    header = proven.header
    when = rfc3339(_time_of(proven), whole_seconds=True)
    return (
        f"the proof holds within block {header.number}, hash 0x{header.hash.hex()} "
        f"({said}; {when})",
        f"证明在区块 {header.number}（哈希 0x{header.hash.hex()}）内成立（{said_zh}；{when}）",
    )


def _unpinned(chain: EvmChain, proven: _Proven) -> tuple[str, str, tuple[str, ...]]:
    text, text_zh = _holds_within(proven)
    return (
        f"{text}. Anybody can make a header: compare this block with any node of {chain.name} "
        f"({chain.operator}), or pin it in the trust file",
        f"{text_zh}。区块头任何人都能伪造：请与 {chain.name}（{chain.operator}）的任一节点"
        "核对该区块，或将其写入信任文件",
        (_place_of(proven),),
    )


def _unnamed(proven: _Proven) -> tuple[str, str, tuple[str, ...]]:
    text, text_zh = _holds_within(proven)
    contract = f"0x{proven.contract.hex()}"
    return (
        f"{text}, but the trust file names no contract {contract} of a chain {proven.chain_id}",
        f"{text_zh}，但信任文件未列出链 {proven.chain_id} 上的合约 {contract}",
        (_place_of(proven),),
    )


def _no_proof(
    receipt: Any, point: AnchorPoint, chains: tuple[EvmChain, ...], place: str
) -> NotChecked:
    """What a receipt is worth that has the transaction alone."""
    members = exact_members(receipt, place, ("transaction",))
    at = f"{place}.transaction"
    raw = _read_bytes(members["transaction"], at, _MAX_TRANSACTION)
    chain_id, contract = attesting_call(raw, point, at)
    known = [one for one in chains if (one.chain_id, one.contract) == (chain_id, contract)]
    name = f"{known[0].name} ({known[0].operator})" if known else f"a chain {chain_id}"
    name_zh = f"{known[0].name}（{known[0].operator}）" if known else f"链 {chain_id}"
    txid, address = f"0x{keccak256(raw).hex()}", f"0x{contract.hex()}"
    return NotChecked(
        f"transaction {txid} attests it at contract {address}, but {name} gives no proof of "
        "what its blocks hold: ask any of its nodes whether this transaction is in a block and "
        "succeeded",
        f"交易 {txid} 在合约 {address} 上为其背书，但{name_zh}不提供区块内容的证明："
        "请向其任一节点查询该交易是否已入块并执行成功",
        (f"transaction {txid}, contract {address}, chain {chain_id}",),
    )
