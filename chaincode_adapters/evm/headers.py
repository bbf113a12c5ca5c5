"""The bytes that a block's hash is of, from what a node tells of the block.

Most chains hash the header as it stands (Yellow Paper §4.3, EIP-1559 and later add fields). Chains
with Byzantine agreement leave the signatures of it out of ``extraData`` when they hash: Istanbul
(EIP-650), IBFT 2.0 and QBFT of Besu and GoQuorum. FISCO-BCOS hashes something else altogether, and
no proof can lead to its block's hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chaincode_adapters.errors import Unreachable
from chaincode_adapters.evm.rpc import Block, read_data, read_quantity
from node.core.anchors.keccak import keccak256
from node.core.anchors.rlp import RlpItem, decode_rlp, encode_number, encode_rlp
from node.core.errors import InvalidEncoding

__all__ = ["header_preimage"]

_EXTRA_DATA = 12
_VANITY = 32
_FIELDS: tuple[tuple[str, int | None], ...] = (
    ("parentHash", 32),
    ("sha3Uncles", 32),
    ("miner", 20),
    ("stateRoot", 32),
    ("transactionsRoot", 32),
    ("receiptsRoot", 32),
    ("logsBloom", 256),
    ("difficulty", None),
    ("number", None),
    ("gasLimit", None),
    ("gasUsed", None),
    ("timestamp", None),
    ("extraData", -1),
    ("mixHash", 32),
    ("nonce", 8),
)
"""Name and length in bytes; None is a number, -1 any length."""
_LATER: tuple[tuple[str, int | None], ...] = (
    ("baseFeePerGas", None),
    ("withdrawalsRoot", 32),
    ("blobGasUsed", None),
    ("excessBlobGas", None),
    ("parentBeaconBlockRoot", 32),
    ("requestsHash", 32),
)


def header_preimage(block: Block) -> bytes | None:
    """The header's bytes whose Keccak-256 is the block's hash, or None where nothing known is."""
    try:
        items: list[RlpItem] = [_item(block.fields, *field) for field in _FIELDS]
        for name, length in _LATER:
            if block.fields.get(name) is None:
                break
            items.append(_item(block.fields, name, length))
    except Unreachable:
        return None
    for extra in _extra_data(_item(block.fields, *_FIELDS[_EXTRA_DATA])):
        encoded = encode_rlp([*items[:_EXTRA_DATA], extra, *items[_EXTRA_DATA + 1 :]])
        if keccak256(encoded) == block.hash:
            return encoded
    return None


def _item(fields: dict[str, Any], name: str, length: int | None) -> bytes:
    if length is None:
        return encode_number(read_quantity(fields.get(name), name))
    return read_data(fields.get(name), name, length if length >= 0 else None)


def _extra_data(extra: bytes) -> Iterator[bytes]:
    """What may be hashed in place of ``extraData``."""
    yield extra
    whole = _list_in(extra)
    if len(whole) == 5:
        yield encode_rlp([*whole[:3], b"", []])  # QBFT: round 0, no seals
        yield encode_rlp(whole[:3])  # IBFT 2.0: neither round nor seals
    istanbul = _list_in(extra[_VANITY:])
    if len(istanbul) == 3:
        yield extra[:_VANITY] + encode_rlp([*istanbul[:2], []])


def _list_in(data: bytes) -> list[RlpItem]:
    """The list that these bytes are the RLP of; empty where they are not."""
    try:
        found = decode_rlp(data, place="extraData")
    except InvalidEncoding:
        return []
    return found if isinstance(found, list) else []
