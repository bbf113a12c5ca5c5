"""Proofs of Ethereum's Merkle-Patricia tries (Yellow Paper, appendix D): that a key has a value.

A proof is the nodes from the root down to the value, in that order and none besides, so that there
is one proof of each value. Keys of state and storage tries are hashes of what they stand for; those
of tries of receipts are the RLP of the transaction's index.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.core.anchors.keccak import keccak256
from node.core.anchors.rlp import RlpItem, decode_rlp, read_items
from node.core.errors import InvalidEncoding, InvalidProof

__all__ = ["verify_trie_value"]


def verify_trie_value(root: bytes, key: bytes, proof: Sequence[bytes], place: str) -> bytes:
    """The value that the trie with ``root`` (32 bytes) has under ``key``.

    Args:
        root: Keccak-256 of the first node.
        key: the key as the trie has it, so already hashed where keys are hashed.
        proof: RLP of the nodes from the root on.
        place: where the proof stands, for errors.

    Raises:
        InvalidProof: the nodes do not lead from the root to a value under this key, or go on.
        InvalidEncoding: a node is not what a trie's node is.
    """
    path = key.hex()
    expected: RlpItem = root
    position = used = 0
    while True:
        at = f"{place}[{used}]" if isinstance(expected, bytes) else f"{place}[{used - 1}]"
        if isinstance(expected, bytes):
            node = _node_of(expected, proof, used, at)
            used += 1
        else:
            node = expected
        items = _node_items(node, at)
        position, below, is_value = _descend(items, path, position, at)
        if is_value:
            break
        expected = _child(below, at)
    if used != len(proof):
        raise InvalidProof(f"{place}[{used}]", "lies behind the value that is proven")
    if not isinstance(below, bytes) or not below:
        raise InvalidProof(at, "has no value under this key")
    return below


def _node_of(digest: bytes, proof: Sequence[bytes], used: int, at: str) -> RlpItem:
    """The next node of the proof, which must have this hash."""
    if used >= len(proof):
        raise InvalidProof(at, "is missing: the proof ends before a value")
    if keccak256(proof[used]) != digest:
        raise InvalidProof(at, "does not have the hash that the node above names")
    return decode_rlp(proof[used], place=at)


def _node_items(node: RlpItem, at: str) -> list[RlpItem]:
    items = read_items(node, at, least=2, most=17)
    if len(items) not in (2, 17):
        raise InvalidEncoding(at, "must have 2 or 17 items")
    return items


def _descend(items: list[RlpItem], path: str, position: int, at: str) -> tuple[int, RlpItem, bool]:
    """How far the path has been walked behind this node, what lies there, and whether that is the
    value."""
    if len(items) == 17:
        if position == len(path):
            return position, items[16], True
        return position + 1, items[int(path[position], 16)], False
    part, is_leaf = _decode_part(items[0], at)
    rest = path[position:]
    if is_leaf:
        if part != rest:
            raise InvalidProof(at, "is the leaf of another key")
        return len(path), items[1], True
    if not part or not rest.startswith(part):
        raise InvalidProof(at, "leads to other keys")
    return position + len(part), items[1], False


def _decode_part(item: RlpItem, at: str) -> tuple[str, bool]:
    """Part of a key, as hex digits, and whether a value follows: the hex-prefix encoding."""
    if not isinstance(item, bytes) or not item:
        raise InvalidEncoding(at, "has no part of a key")
    digits = item.hex()
    flag = int(digits[0], 16)
    if flag > 3 or (not flag & 1 and digits[1] != "0"):
        raise InvalidEncoding(at, "has a key part that is not in hex-prefix encoding")
    return digits[1 if flag & 1 else 2 :], bool(flag & 2)


def _child(item: RlpItem, at: str) -> RlpItem:
    """What a node names as the next: a hash, or a node of less than 32 bytes itself."""
    if isinstance(item, list):
        return item
    if not item:
        raise InvalidProof(at, "has nothing under this key")
    if len(item) != 32:
        raise InvalidEncoding(at, "names a node by something that is no hash")
    return item
