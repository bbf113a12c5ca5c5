"""Signed transactions of EVM chains, as far as they say what they attest."""

from __future__ import annotations

from node.core.anchors.evm_block import attest_call
from node.core.anchors.point import AnchorPoint
from node.core.anchors.rlp import decode_rlp, read_bytes, read_items, read_number
from node.core.errors import InvalidEncoding, InvalidProof

__all__ = ["attesting_call"]

_MAX_INTEGER = 2**53 - 1
_WORD = 2**256 - 1


def attesting_call(raw: bytes, point: AnchorPoint, place: str) -> tuple[int, bytes]:
    """Chain id and contract of a signed transaction that attests ``point``.

    Legacy transactions with a chain id (EIP-155) and those of EIP-1559 are known. The signature's
    form is checked, not whose it is.

    Raises:
        InvalidInput: it is no such transaction, or calls something else.
    """
    if raw[:1] == b"\x02":
        items = read_items(decode_rlp(raw[1:], place=place), place, least=12, most=12)
        chain_id = read_number(items[0], place, most=_MAX_INTEGER)
        if items.pop(8) != []:
            raise InvalidEncoding(place, "the transaction must have an empty access list")
        to, value, data, signature = items[5], items[6], items[7], items[8:]
        read_number(signature[0], place, most=1)
    else:
        items = read_items(decode_rlp(raw, place=place), place, least=9, most=9)
        to, value, data, signature = items[3], items[4], items[5], items[6:]
        chain_id = (read_number(signature[0], place, most=2 * _MAX_INTEGER + 36) - 35) // 2
    if any(isinstance(item, list) for item in items):
        raise InvalidEncoding(place, "the transaction has a list where bytes must be")
    if chain_id < 1:
        raise InvalidEncoding(place, "the transaction names no chain id")
    for part in signature[1:]:
        read_number(part, place, most=_WORD)
    if value != b"" or data != attest_call(point):
        raise InvalidProof(place, "the transaction does not attest this point")
    return chain_id, read_bytes(to, place, length=20)
