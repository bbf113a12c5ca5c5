"""What a block of an EVM chain shows about the anchor contract: by its state or by its receipts.

Storage of the contract (contracts/evm): slot 0 is a mapping of log sizes to anchors, each three
slots: root, digest of the point, and confirmedAt (64 bits) with attestations (32 bits) above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.core.anchors.keccak import keccak256
from node.core.anchors.point import AnchorPoint
from node.core.anchors.rlp import (
    RlpItem,
    decode_rlp,
    encode_number,
    encode_rlp,
    read_bytes,
    read_items,
    read_number,
)
from node.core.anchors.trie import verify_trie_value
from node.core.errors import InvalidEncoding, InvalidProof

__all__ = [
    "ANCHORED_TOPIC",
    "ATTESTED_TOPIC",
    "BlockHeader",
    "Held",
    "anchor_slots",
    "attest_call",
    "decode_header",
    "verify_event",
    "verify_state",
]

ATTESTED_TOPIC = keccak256(b"Attested(uint64,address,bytes32,bytes32)")
ANCHORED_TOPIC = keccak256(b"Anchored(uint64,bytes32,bytes32)")
_ATTEST_SELECTOR = keccak256(b"attest(uint64,bytes32,bytes32)")[:4]
_LAST_SECOND = 253_402_300_799
_MAX_INTEGER = 2**53 - 1
_WORD = 2**256 - 1


@dataclass(frozen=True)
class BlockHeader:
    """Of a block's header: its hash, and what proofs lead to. ``time`` is in seconds."""

    hash: bytes
    number: int
    time: int
    state_root: bytes
    receipts_root: bytes


@dataclass(frozen=True)
class Held:
    """That the contract holds a point. ``confirmed`` says whether as many accounts as it asks for
    have attested it, ``confirmed_at`` since when (seconds; None where that is not shown), and
    ``attestations`` how many had, by the block's state (None where that is not shown)."""

    confirmed: bool
    confirmed_at: int | None
    attestations: int | None


def decode_header(data: bytes, place: str) -> BlockHeader:
    """Decode a header (Yellow Paper §4.4.2, EIP-1559 and later: fields are added behind).

    Raises InvalidEncoding.
    """
    items = read_items(decode_rlp(data, place=place, max_depth=1), place, least=15, most=32)
    lengths = {0: 32, 1: 32, 2: 20, 3: 32, 4: 32, 5: 32, 6: 256, 13: 32, 14: 8}
    for index, length in lengths.items():
        read_bytes(items[index], f"{place}[{index}]", length=length)
    for index in range(15, len(items)):
        if not isinstance(items[index], bytes):
            raise InvalidEncoding(f"{place}[{index}]", "must be bytes in RLP")
    return BlockHeader(
        hash=keccak256(data),
        number=read_number(items[8], f"{place}[8]", most=_MAX_INTEGER),
        time=read_number(items[11], f"{place}[11]", most=_LAST_SECOND),
        state_root=read_bytes(items[3], f"{place}[3]", length=32),
        receipts_root=read_bytes(items[5], f"{place}[5]", length=32),
    )


def anchor_slots(size: int) -> tuple[bytes, bytes, bytes]:
    """The storage slots of the anchor at ``size``: of its root, its digest, its times."""
    first = int.from_bytes(keccak256(size.to_bytes(32, "big") + bytes(32)), "big")
    return (
        first.to_bytes(32, "big"),
        (first + 1 & _WORD).to_bytes(32, "big"),
        (first + 2 & _WORD).to_bytes(32, "big"),
    )


def attest_call(point: AnchorPoint) -> bytes:
    """The call data that attest ``point``: ``attest(size, root, digest)``."""
    return _ATTEST_SELECTOR + point.size.to_bytes(32, "big") + point.root + point.digest()


def verify_state(
    header: BlockHeader,
    contract: bytes,
    point: AnchorPoint,
    account: Sequence[bytes],
    storage: Sequence[Sequence[bytes]],
    place: str,
) -> Held:
    """That the state behind ``header`` has ``point`` in the storage of ``contract``.

    Args:
        account: proof of the contract's account in the state.
        storage: proofs of the three slots, in their order, in the account's storage.

    Raises:
        InvalidInput: a proof does not hold, or the contract holds something else.
    """
    at = f"{place}.account"
    value = verify_trie_value(header.state_root, keccak256(contract), account, at)
    fields = read_items(decode_rlp(value, place=at), at, least=4, most=4)
    storage_root = read_bytes(fields[2], at, length=32)
    words = []
    for number, (slot, proof) in enumerate(zip(anchor_slots(point.size), storage)):
        at = f"{place}.storage[{number}]"
        value = verify_trie_value(storage_root, keccak256(slot), proof, at)
        words.append(read_number(decode_rlp(value, place=at), at, most=_WORD))
    if words[0].to_bytes(32, "big") != point.root:
        raise InvalidProof(f"{place}.storage[0]", "the contract holds another root at this size")
    if words[1].to_bytes(32, "big") != point.digest():
        raise InvalidProof(f"{place}.storage[1]", "the contract holds another point at this size")
    confirmed_at, attestations = words[2] & 2**64 - 1, words[2] >> 64
    if not 0 < attestations < 2**32 or confirmed_at > header.time:
        raise InvalidProof(f"{place}.storage[2]", "is not what the anchor contract keeps there")
    return Held(confirmed_at > 0, confirmed_at or None, attestations)


def verify_event(
    header: BlockHeader,
    contract: bytes,
    point: AnchorPoint,
    index: int,
    proof: Sequence[bytes],
    place: str,
) -> Held:
    """That the transaction number ``index`` of the block attested ``point`` at ``contract``.

    Args:
        proof: of the transaction's receipt (Yellow Paper §4.4.1, EIP-2718).

    Raises:
        InvalidInput: the proof does not hold, or no event of the contract has the point.
    """
    at = f"{place}.receipt"
    key = encode_rlp(encode_number(index))
    raw = verify_trie_value(header.receipts_root, key, proof, at)
    body = raw[1:] if raw and raw[0] < 0x80 else raw
    fields = read_items(decode_rlp(body, place=at), at, least=4, most=4)
    if fields[0] != b"\x01":
        raise InvalidProof(at, "the transaction failed, or the receipt has no status")
    logs = read_items(fields[3], at, least=0, most=1000)
    found = {_event_of(log, contract, point, f"{at}.log[{n}]") for n, log in enumerate(logs)}
    if ANCHORED_TOPIC in found:
        return Held(True, None, None)
    if ATTESTED_TOPIC in found:
        return Held(False, None, None)
    raise InvalidProof(at, "has no event by which the contract attested this point")


def _event_of(log: RlpItem, contract: bytes, point: AnchorPoint, at: str) -> bytes | None:
    """The first topic of a log by which ``contract`` says that it holds ``point``; else None."""
    address, topics, data = read_items(log, at, least=3, most=3)
    named = read_items(topics, at, least=0, most=4)
    size = point.size.to_bytes(32, "big")
    if address != contract or data != point.root + point.digest() or named[1:2] != [size]:
        return None
    if named[0] == ANCHORED_TOPIC and len(named) == 2:
        return ANCHORED_TOPIC
    if named[0] == ATTESTED_TOPIC and len(named) == 3:
        return ATTESTED_TOPIC
    return None
